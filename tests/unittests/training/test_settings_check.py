"""Whatever is wrong with a recipe's settings is said at once, before any work.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from speechbrain import parse_arguments

from dispatch_sb.training.recipe_files import load_recipe
from dispatch_sb.training.settings_check import CHECKS, find_problems

RECIPE = Path(__file__).parents[3] / "recipes" / "VoiceBank"
WRONG = {
    "lr": [".nan", "0", ".inf", "big"],
    "distillation_share": ["0", "1", "half"],
    "workers": ["0", "2.5"],
    "pesq_every": ["0"],
    "number_of_epochs": ["0", "true"],
    "batch_size": ["0"],
    "num_workers": ["-1"],
    "segment_seconds": ["0"],
    "examples": ["-1"],
    "own_pairs": ["0"],
    "mixtures_per_epoch": ["0"],
    "mixing_snr_db": ["[18, -5]", "5"],
    "mixing_level_db": ["[-38, 3]", "[-38]"],
    "ratio": ["0", "1.5"],
    "beta": ["-1"],
    "host": ["l3"],
    "selection": ["best"],
    "temperature": ["0"],
    "metrics": ["[peaq]", "3"],
    "patch_bins": ["(0, 40)", "wide"],
    "floor_db": ["3"],
    "opt_class": ["{betas: (0.9, 1.0)}", "{weight_decay: -0.1}"],
    "schedule": ["{warmup: 1}", "{final: 2}"],
    "train_loader_kwargs": ["{batch_size: -2}"],
    "valid_loader_kwargs": ["{batch_size: none}", "4"],
    "seed": ["-1", "4294967296", "1e3"],
    "student_size": ["XL"],
    "wer": [
        "{source: a/b, batch_size: 0}",
        "{source: a/b, normalise: {case: title}}",
    ],
    "valid_speakers": ["[]"],
    "data_folder": ["3"],
    "clean_folders": ["/data/speech"],
    "noise_folders": ["[3]"],
    "output_folder": ["null"],
    "skip_prep": ["maybe"],
    "teacher_source": ["null"],
    "teacher_revision": ["1234567"],
    "device": ["gpu"],
    "max_grad_norm": ["nan"],
    "grad_accumulation_factor": ["0"],
    "optimizer_step_limit": ["10"],
    "nonfinite_patience": ["-1"],
    "debug_batches": ["0"],
    "compile_mode": ["fast"],
    "compile_module_keys": ["teecher"],
    "profile_steps": ["0"],
}
# Keys that recipes of one's own may have.
ALSO_WRONG = {
    "distillation_weight": [-1, "big"],
    "teacher_delay": [-1, 0.5],
    "record_teacher": ["often"],
    "metrics": [[], ["peaq"], "peaq", [3], 3],
    "host": [3],
    "selection": [0.8],
    "patch_frames": [0],
    "band_edges_hz": [[], [2000, 1000], [0], 2000],
    "train_pairs": [3],
}


def load(*options):
    """Reads the recipe as its script does, as far as nothing is wrong."""
    words = [str(RECIPE / "hparams" / "dispatch.yaml"), *options]
    path, run_options, overrides = parse_arguments(words)
    given = {k: run_options[k] for k in run_options.overridden_args}
    return load_recipe(path, overrides, given)


@pytest.mark.parametrize("turn", range(max(map(len, WRONG.values()))))
def test_wrong_values_are_named(turn):
    """All at once, each with what is allowed, in one line."""
    wrong = {k: values[turn] for k, values in WRONG.items() if values[turn:]}
    with pytest.raises(ValueError) as error:
        load(*(word for k, v in wrong.items() for word in (f"--{k}", v)))
    lines = str(error.value).splitlines()
    assert len(lines) == len(wrong)
    for key, value in wrong.items():
        (line,) = [x for x in lines if re.match(rf"{key}(\.\w+)? ", x)]
        assert value in line or set(value) & set(".{[(e")


@pytest.mark.parametrize("key", ALSO_WRONG)
def test_keys_of_other_recipes_are_checked_too(key):
    for value in ALSO_WRONG[key]:
        (line,) = find_problems({key: value})
        assert line.startswith(f"{key} ")


def test_every_check_refuses_something():
    """None lets through what no key can be."""
    assert [k for k, check in CHECKS.items() if check({1: -1}) is None] == [
        "train_loader_kwargs",
        "valid_loader_kwargs",
    ]


def test_keys_that_are_unknown_are_said_beside_values_that_are_wrong():
    with pytest.raises(ValueError) as error:
        load("--batch_sise=3", "--lr=-1", "--device=tv")
    lines = str(error.value).splitlines()
    for key, line in zip(("batch_sise", "lr", "device"), lines, strict=True):
        assert key in line


@pytest.mark.parametrize(
    "key, value",
    [
        ("lr", 1e-5),
        ("distillation_weight", 0),
        ("distillation_share", 0.3),
        ("distillation_share", None),
        ("workers", None),
        ("num_workers", 0),
        ("examples", 0),
        ("segment_seconds", None),
        ("mixtures_per_epoch", None),
        ("mixing_snr_db", (5, 5)),
        ("patch_bins", 20),
        ("patch_bins", [10, 20, 40]),
        ("band_edges_hz", [1000, 3000.0]),
        ("metrics", ["pesq", "dnsmos"]),
        ("metrics", "pesq, stoi"),
        ("selection", "all"),
        ("valid_speakers", "p226"),
        ("valid_speakers", [226]),
        ("wer", "a/b"),
        ("wer", {"source": None}),
        ("device", "cpu"),
        ("max_grad_norm", -1.0),
        ("distillation_weight", torch.nn.Identity()),  # a schedule
        ("ratio", object()),
    ],
)
def test_what_is_allowed_passes(key, value):
    assert find_problems({key: value}) == []


def test_what_functions_of_the_file_return_is_checked(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("workers: !apply:math.floor [-2.5]\n")
    with pytest.raises(ValueError, match="workers.*-3"):
        load_recipe(path)


def test_nothing_is_built_from_wrong_settings(tmp_path):
    path = tmp_path / "a.yaml"
    made = tmp_path / "made"
    path.write_text(f"lr: -1\nfolder: !apply:os.mkdir ['{made}']\n")
    with pytest.raises(ValueError, match="lr"):
        load_recipe(path)
    assert not made.exists()


@pytest.mark.parametrize("available, count", [(False, 0), (True, 2)])
def test_a_gpu_that_is_not_there(monkeypatch, available, count):
    """Is one sentence, with the remedy; one that is there is taken."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    for index in range(count):
        assert find_problems({"device": f"cuda:{index}"}) == []
    (line,) = find_problems({"device": f"cuda:{count}"})
    assert f"'cuda:{count}'" in line and "torch" in line
    assert ("cpu" in line) is not available


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"device": "cpu", "precision": "fp16"}, "precision"),
        ({"device": "cpu", "eval_precision": "fp16"}, "eval_precision"),
        ({"device": "cpu", "data_parallel_backend": True}, "data_parallel"),
        ({"ckpt_interval_minutes": 1, "ckpt_interval_steps": 1}, "steps"),
        ({"clean_folders": ["a"], "segment_seconds": None}, "segment_seconds"),
    ],
)
def test_settings_that_contradict_each_other(settings, key):
    (line,) = find_problems(settings)
    assert key in line
    settings.popitem()
    assert find_problems(settings) == []


@pytest.mark.parametrize("words", [["--clean_folders", "[a"], ["stray"]])
def test_options_that_are_not_yaml(words):
    with pytest.raises(ValueError) as error:
        load(*words)
    assert words[-1] in str(error.value)


def test_a_file_that_is_not_yaml(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1\n")
    with pytest.raises(ValueError, match="a.yaml"):
        load_recipe(path)


def test_a_user_reads_sentences_and_no_traceback(tmp_path):
    words = ["--output_folder", str(tmp_path / "run"), "--lr=.nan"]
    words += ["--distillation_share=-1", "--workers=0", "--pesq_every=0"]
    done = subprocess.run(
        [sys.executable, "train.py", "hparams/dispatch.yaml", *words],
        cwd=RECIPE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    for key in ("lr", "distillation_share", "workers", "pesq_every"):
        assert f"{key} " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
