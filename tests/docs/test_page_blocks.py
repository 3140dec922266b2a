"""Every block of every page of the docs is run, in order, as it is printed."""

import doctest
import pydoc
import re
from collections import Counter

import pytest
from pages import ROOT, Reader, blocks_of, pages
from ruamel.yaml import YAML

TRAINING = "tests/integration/test_train.py"
METHODS = "tests/integration/test_methods.py"
ROUND_TRIP = "tests/integration/test_hub_round_trip.py"
# What command lines hold that are not run here, and why, or the test that
# runs the same. Their programs, options and files are tested in
# tests/consistency.
NOT_RUN = {
    "make quickstart": "takes minutes and downloads packages",
    "source .venv/bin/activate": "the tests' own environment is active",
    "--device cuda": "needs a GPU",
    "torchrun": "is two trainings at once",
    "speechbrain/metricgan-plus-voicebank": "needs the hub itself",
    "dispatch-sb live --model results/dispatch/1986 END": "needs a microphone",
    "--clean_folders": TRAINING,
    "hparams/baseline.yaml": TRAINING,
    "--output results/teacher-scores": TRAINING,
    "--output results/fewer-scores": TRAINING,
    "--teacher_source clean": METHODS,
    "--selection random": METHODS,
    "--metrics pesq,stoi,si_sdr": "tests/integration/test_processes.py",
    "--teacher_source my-teacher": ROUND_TRIP,
    "--teacher_source lab/small-student": ROUND_TRIP,
    "dispatch-sb mix": "tests/unittests/data/test_mixing.py",
    "--replay results/": "tests/integration/test_train.py",
    "--record_teacher True": "tests/integration/test_recorded_training.py",
    "hparams/several_teachers.yaml": "tests/integration/test_two_teachers.py",
    "dispatch-sb demo": "tests/integration/test_demo_page.py",
}
MATCHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHELL = {"bash", "sh"}
SHOWN = {"{toctree}", "{container}", "{eval-rst}"}


def left_out(line):
    """Which exceptions a command line holds."""
    return [words for words in NOT_RUN if words in f"{line} END"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_blocks_run(page, place, environment):
    """One namespace and one shell for each page; a `text` block is what the
    block before it prints; YAML parses, and what it constructs exists."""
    reader, checker = Reader(place, environment), doctest.OutputChecker()
    printed = None
    for block in blocks_of(page):
        if block.language in SHELL:
            printed = reader.shell(block, left_out)
        elif block.language == "python":
            printed = reader.python(block)
        elif block.language == "text":
            assert printed is not None, f"{block.where}: nothing printed"
            same = checker.check_output(block.text, printed, MATCHING)
            assert same, f"{block.where}\n{block.text}\n!=\n{printed}"
        elif block.language == "yaml":
            assert YAML().load(block.text), block.where
            for name in re.findall(r"!(?:new|apply|name):(\S+)", block.text):
                assert pydoc.locate(name), f"{block.where}: {name}"
        else:
            assert block.language in SHOWN, block.where


def test_what_is_not_run_is_on_some_page():
    """The list of exceptions holds nothing that no page says any more, and
    leaves nothing else out."""
    blocks = [b for page in pages() for b in blocks_of(page)]
    lines = [x for b in blocks if b.language in SHELL for x, _ in b.lines]
    found = Counter(words for line in lines for words in left_out(line))
    often = {"source .venv/bin/activate": 2, "dispatch-sb mix": 3}
    assert found == {**dict.fromkeys(NOT_RUN, 1), **often}
    tests = {why for why in NOT_RUN.values() if why.endswith(".py")}
    assert [test for test in tests if not (ROOT / test).is_file()] == []
