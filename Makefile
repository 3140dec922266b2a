# `make` lists the targets. Variables that one may set on the command line:
PYTHON ?= python3
TORCH ?= torch==2.13.0
JOBS ?= 2
EXTRAS ?= dev

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CHECKED := benchmarks dispatch_sb docs examples recipes tests tools conftest.py setup.py

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test fuzz test-kernels lint docs format clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Make .venv; keeps a torch that is there (PYTHON=, TORCH=, EXTRAS=).
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --torch "$(TORCH)" \
		--extras "$(EXTRAS)"

quickstart: EXTRAS := report,tensorboard
quickstart: setup ## Distil a small student on real speech; score it.
	cd recipes/VoiceBank && "$(BIN)/python" train.py hparams/dispatch.yaml \
		--output_folder results/quickstart --record_teacher True

test: lint ## Set up, then run all linters and all tests (JOBS=2).
	@CHROME=$$("$(BIN)/python" tools/find_browser.py) || without=1; \
	export CHROME; OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest \
		-n $(JOBS) --dist loadfile --no-loadscope-reorder $${without:+-m "not browser"}
	@$(MAKE) --no-print-directory test-kernels

fuzz: setup ## Damage thousands of inputs, others each time (test: hundreds).
	@OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -m hypothesis \
		--hypothesis-profile long

test-kernels: setup ## Run the numeric tests as on lesser processors.
	@OMP_NUM_THREADS=1 "$(BIN)/python" tools/restrict_kernels.py -n $(JOBS)

lint: setup ## Check style of Python and YAML.
	"$(BIN)/ruff" check $(CHECKED)
	"$(BIN)/ruff" format --check $(CHECKED)
	"$(BIN)/yamllint" --strict .

docs: setup ## Build the documentation in docs/_build/html.
	"$(BIN)/python" -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

format: setup ## Rewrite Python files in the house style.
	"$(BIN)/ruff" check --fix $(CHECKED)
	"$(BIN)/ruff" format $(CHECKED)

clean: ## Remove .venv and caches; results and data stay.
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	rm -rf docs/_build docs/api
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
