"""How student, teacher, loss and an example are found, and how models run."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from demo_signals import RATE, write_pair
from torch import nn

from dispatch_sb.data.files import sha256_of
from dispatch_sb.demo import sample_recording
from dispatch_sb.demo.models import enhance, open_models
from dispatch_sb.demo.sample_recording import find_example
from dispatch_sb.losses import MagnitudeL2
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run
from dispatch_sb.training.checkpoints import AtomicCheckpointer

RECIPE = """\
student: !apply:dispatch_sb.models.FastEnhancer.from_size [T]
distillation_loss: !new:dispatch_sb.losses.DistillationLoss
  host: !new:dispatch_sb.losses.MagnitudeL2
    patch_bins: 32
"""
TEACHER = {"source": "pretrained/big", "revision": None, "commit": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model's folder, pretrained/big, below a fresh one."""
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("recipe") / "pretrained" / "big"
    folder.parent.mkdir()
    save(FastEnhancer(channels=8), folder, card="# Big\n")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """A finished run, results/run, beside it; the second of its three test
    pairs is the median, and lies in the run's folder."""
    output = folder.parents[1] / "results" / "run"
    (output / "manifests").mkdir(parents=True)
    (output / "hyperparams.yaml").write_text(RECIPE)
    Run(output).note(teacher=TEACHER, corpus={"root": str(output)})
    torch.manual_seed(6)
    keeper = AtomicCheckpointer(
        output / "save", {"student": FastEnhancer.from_size("T")}
    )
    keeper.save_checkpoint(meta={"pesq": 2.0})
    entry = {"length": 1.5, "speaker": "a"}
    for path in write_pair(output):
        entry[f"{path.stem}_wav"] = f"{{data_root}}/{path.name}"
        entry[f"{path.stem}_sha256"] = sha256_of(path)
    other = {**entry, "noisy_wav": "{data_root}/other.wav"}
    manifest = {"first": other, "second": entry, "third": other}
    (output / "manifests" / "test.json").write_text(json.dumps(manifest))
    files = {
        name: {"noisy": {"pesq": 1.0}, "student": {"pesq": 1 + gain}}
        for name, gain in zip(manifest, (0.5, 0.2, 0.1))
    }
    (output / "scores.json").write_text(json.dumps({"files": files}))
    return output


def test_a_run_names_its_teacher_and_its_loss(run, folder):
    models = open_models(run)
    noisy = torch.randn(1, 4000)
    torch.manual_seed(6)
    student = FastEnhancer.from_size("T").eval()
    with torch.no_grad():
        assert torch.equal(models.networks["student"](noisy), student(noisy))
    assert models.sources["teacher"] == str(folder)
    assert isinstance(models.loss.host, MagnitudeL2)
    assert list(models.networks) == ["student", "teacher"]
    assert models.notes == [] and models.sample_rate == RATE


def test_a_run_that_noted_no_teacher_says_so(run, folder, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    (tmp_path / "old" / "run.json").unlink()
    models = open_models(tmp_path / "old")
    assert "teacher" not in models.networks and "--teacher" in models.notes[0]
    models = open_models(tmp_path / "old", folder)
    assert models.sources["teacher"] == str(folder) and models.notes == []
    assert isinstance(models.loss.host, MagnitudeL2)


def test_models_alone_have_the_recipes_loss(folder):
    models = open_models(folder)
    assert list(models.networks) == ["student"] and models.notes == []
    models = open_models(folder, folder)
    assert models.loss.selection.ratio == 0.8
    assert "loss" in models.notes[0]


def test_a_teacher_of_another_rate_is_converted_and_said_so(folder, tmp_path):
    narrow = FastEnhancer(channels=8, n_fft=256, hop=128, sample_rate=8000)
    save(narrow, tmp_path / "narrow", card="# 8 kHz\n")
    models = open_models(folder, tmp_path / "narrow")
    assert "8000 Hz" in models.notes[0]
    enhanced, _ = enhance(
        models.networks["teacher"], np.ones(4001, "float32"), "teacher"
    )
    assert enhanced.shape == (4001,)


def test_an_output_that_is_no_number_is_an_error():
    broken = nn.Threshold(2.0, float("nan"))
    with pytest.raises(RuntimeError, match="student.*NaN"):
        enhance(broken, np.ones(300, "float32"), "student")


def test_a_runs_example_is_its_median_test_pair(run, tmp_path):
    found = find_example(run, "organisation/teacher")
    assert found[:2] == (run / "noisy.wav", run / "clean.wav")
    assert "second" in found.about
    moved = shutil.copytree(run, tmp_path / "run")
    Run(moved).note(corpus={"root": str(moved)})
    # Another corpus has come to lie in the same place.
    soundfile.write(moved / "clean.wav", [0.1] * RATE, RATE)
    found = find_example(moved)
    assert found is None or found.clean is None


def test_a_models_own_example_comes_next(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_recording, "BUILT_IN", "no/such.wav")
    assert find_example(tmp_path, "organisation/model") is None
    write_pair(tmp_path)[0].rename(tmp_path / "example.wav")
    found = find_example("organisation/student", None, tmp_path)
    assert found.noisy == tmp_path / "example.wav" and found.clean is None
