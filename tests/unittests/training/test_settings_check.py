"""Whatever is wrong with a recipe's settings is said at once, before any work.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import pytest
import torch
from speechbrain import parse_arguments

from dispatch_sb.training.recipe_files import load_recipe
from dispatch_sb.training.settings_check import CHECKS, find_problems

RECIPE = Path(__file__).parents[3] / "recipes" / "VoiceBank"
INF, NAN = float("inf"), float("nan")
# For every kind of check: a key, what it refuses, and what it takes.
VALUES = {
    "lr": ([NAN, INF, 0, "big", True, None], [1e-5, 1, object()]),
    "beta": ([-0.1, 1.1], [0, 1]),
    "distillation_share": ([0, 1, "half"], [0.3, None, torch.nn.Identity()]),
    "workers": ([0, 2.5, True, INF], [None, 1]),
    "seed": ([-1, 2**32, 1e3], [0]),
    "skip_prep": (["maybe", 1, None], [False]),
    "output_folder": ([None, 3, " "], ["a"]),
    "student_size": (["XL", 1], ["T"]),
    "mixing_snr_db": ([[18, -5], 5, [5], [-101, 0]], [(5, 5), [-5, 18]]),
    "patch_bins": ([(0, 40), "wide", []], [20, [10, 20, 40]]),
    "band_edges_hz": ([[], [2000, 1000], [0], 2000], [[1000, 3000.0], None]),
    "clean_folders": (["/data", [3]], [["a"], None]),
    "valid_speakers": ([[], [-1], 3], ["p226", [226]]),
    "teacher_source": ([[], [3], 3], ["a", ["a", "b"]]),
    "teacher_delay": ([[], -1, [-1]], [3, [0, 3]]),
    "metrics": ([[], ["peaq"], "peaq", [3]], ["pesq, stoi", ["pesq"], None]),
    "wer": ([{"source": "a", "batch_size": 0}], ["a/b", {"source": None}]),
    "valid_loader_kwargs": ([4], [{}]),
    "device": (["gpu", 3, "mps"], ["cpu", None]),
    "optimizer_step_limit": (["10", 0], [10, None]),
}


@pytest.mark.parametrize("key", VALUES)
def test_a_value_is_refused_or_taken(key):
    wrong, right = VALUES[key]
    for value in wrong:
        (line,) = find_problems({key: value})
        assert line.startswith(f"{key} is ")
        assert ("null" if value is None else repr(value)) in line
    assert not any(find_problems({key: value}) for value in right)


def test_a_key_in_a_block_is_another_key():
    assert find_problems({"block.own_folder": None, "a.lr": 0}) == []
    assert len(find_problems({"own_folder": None, "schedule.final": 2})) == 2


def test_every_check_refuses_something():
    """None lets through what no key can be."""
    blocks = {"train_loader_kwargs", "valid_loader_kwargs", "taps"}
    assert {k for k, check in CHECKS.items() if not check({1: -1})} == blocks


@pytest.mark.parametrize("count", [0, 2])
def test_a_gpu_that_is_not_there(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert find_problems({"device": f"cuda:{count - 1}"} if count else {}) == []
    (line,) = find_problems({"device": f"cuda:{count}"})
    assert f"'cuda:{count}'" in line and "torch" in line


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"clean_folders": ["a"], "segment_seconds": None}, "segment_seconds"),
        ({"train_shards": "a", "train_pairs": "b"}, "train_pairs"),
        ({"host": "l3", "hosts.l2": object()}, "host"),
        ({"jit_module_keys": ["x", "y"], "modules.x": 1}, "jit_module_keys"),
        ({"distillation_weight": 1, "distillation_share": 0.5}, "_share"),
        ({"distillation_weight": None, "distillation_share": None}, "_share"),
        ({"student_model": "dccrn", "student_size": "T"}, "student_size"),
        ({"taps": {}, "distillation_share": 0.5}, "distillation_weight"),
        ({"taps": {}, "record_teacher": True}, "record_teacher: False"),
    ],
)
def test_settings_that_contradict_each_other(settings, key):
    (line,) = find_problems(settings)
    assert key in line
    settings.popitem()
    assert not find_problems(settings) or None in settings.values()


def load(*options):
    """Reads the recipe as its script does, as far as nothing is wrong."""
    words = [str(RECIPE / "hparams" / "dispatch.yaml"), *options]
    path, run_options, overrides = parse_arguments(words)
    given = {k: run_options[k] for k in run_options.overridden_args}
    return load_recipe(path, overrides, given)


def test_all_that_is_wrong_is_said_at_once():
    """Unknown keys, keys in blocks, run options; each in one line."""
    wrong = {
        "batch_sise": "3",
        "lr": "-1",
        "opt_class": "{betas: (0.9, 1.0)}",
        "patch_bins": "(0, 40)",
        "host": "l3",
        "device": "tv",
    }
    with pytest.raises(ValueError) as error:
        load(*(f"--{key}={value}" for key, value in wrong.items()))
    lines = str(error.value).splitlines()
    assert len(lines) == len(wrong)
    assert all(any(key in line for line in lines) for key in wrong)


@pytest.mark.parametrize(
    "text, named",
    [
        ("a: [1\n", "a.yaml"),
        ("workers: !apply:math.floor [-2.5]\n", "workers is -3"),
        ("lr: -1\nfolder: !apply:os.mkdir ['{folder}/made']\n", "lr"),
    ],
)
def test_files_of_ones_own(tmp_path, text, named):
    """What their functions return is checked; nothing is built in vain."""
    path = tmp_path / "a.yaml"
    path.write_text(text.replace("{folder}", str(tmp_path)))
    with pytest.raises(ValueError, match=named):
        load_recipe(path)
    assert not (tmp_path / "made").exists()
