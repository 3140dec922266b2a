"""How student, teacher and loss are found, and how they are run."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from dispatch_sb.demo.models import enhance, open_models
from dispatch_sb.losses import MagnitudeL2
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run
from dispatch_sb.training.checkpoints import AtomicCheckpointer

RUN = """\
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
    """A finished run, results/run, beside it."""
    output = folder.parents[1] / "results" / "run"
    output.mkdir(parents=True)
    (output / "hyperparams.yaml").write_text(RUN)
    Run(output).note(teacher=TEACHER)
    torch.manual_seed(6)
    student = FastEnhancer.from_size("T")
    keeper = AtomicCheckpointer(output / "save", {"student": student})
    keeper.save_checkpoint(meta={"pesq": 2.0})
    return output, student.eval()


def test_a_run_names_its_teacher_and_its_loss(run, folder):
    output, student = run
    models = open_models(output)
    noisy = torch.randn(1, 4000)
    with torch.no_grad():
        assert torch.equal(models.student(noisy), student(noisy))
    assert models.sources["teacher"] == str(folder)
    assert isinstance(models.loss.host, MagnitudeL2)
    assert list(models.networks) == ["student", "teacher"]
    assert models.notes == [] and models.sample_rate == 16000


def test_a_run_that_noted_no_teacher_says_so(run, tmp_path):
    shutil.copytree(run[0], tmp_path / "old")
    (tmp_path / "old" / "run.json").unlink()
    models = open_models(tmp_path / "old")
    assert models.teacher is None and "--teacher" in models.notes[0]


def test_a_teacher_can_be_named_instead(run, folder, tmp_path):
    save(FastEnhancer(channels=16), tmp_path / "other", card="#")
    models = open_models(run[0], tmp_path / "other")
    assert models.sources["teacher"] == str(tmp_path / "other")
    assert isinstance(models.loss.host, MagnitudeL2)


def test_a_model_alone_is_a_student_without_teacher(folder):
    models = open_models(folder)
    assert models.teacher is None and list(models.networks) == ["student"]
    assert models.notes == []


def test_of_two_models_the_loss_is_said_to_be_the_recipes(folder):
    models = open_models(folder, folder)
    assert models.loss.selection.ratio == 0.8
    assert "recipe’s distillation loss" in models.notes[0]


def test_a_teacher_of_another_rate_is_converted_and_said_so(folder, tmp_path):
    torch.manual_seed(7)
    narrow = FastEnhancer(channels=8, n_fft=256, hop=128, sample_rate=8000)
    save(narrow, tmp_path / "narrow", card="# 8 kHz\n")
    models = open_models(folder, tmp_path / "narrow")
    assert "works at 8000 Hz" in models.notes[0]
    enhanced, _ = enhance(models.teacher, np.ones(4001, "float32"), "teacher")
    assert enhanced.shape == (4001,)


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="no/such/model"):
        open_models("no/such/model")


def test_an_output_that_is_no_number_is_an_error():
    class Broken(nn.Module):
        def forward(self, noisy):
            return noisy / 0

    with pytest.raises(RuntimeError, match="The student returned NaN"):
        enhance(Broken(), np.ones(300, "float32"), "student")
