"""Many files: what fails is told and the rest goes on, in one process or in
several, and nothing half-written stays.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest
import soundfile
import torch
from stream_models import random_model, write_model_folder

from dispatch_sb.enhance.jobs import (
    ABANDONED,
    enhance_jobs,
    partial_of,
    remove_abandoned,
)
from dispatch_sb.enhance.outcomes import summarise
from dispatch_sb.enhance.plan import plan_jobs
from dispatch_sb.pretrained import load


class Deadly(torch.nn.Module):
    """Kills its process when a signal is loud, half-way through a file."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, noisy):
        if noisy.abs().max() > 0.7:
            assert list(self.out.glob(f".*.{os.getpid()}.partial"))
            os.kill(os.getpid(), signal.SIGKILL)
        return noisy


@pytest.fixture
def folder(tmp_path):
    """Four audio files, one of them cut short, and a model."""
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for name in ("a.flac", "b.flac", "c.flac", "d.flac"):
        signal = 0.1 * rng.standard_normal((8000, 2))
        soundfile.write(tmp_path / "in" / name, signal, 8000)
    cut = tmp_path / "in" / "b.flac"
    cut.write_bytes(cut.read_bytes()[:9000])
    write_model_folder(random_model(), tmp_path / "model")
    return tmp_path


def test_a_broken_file_costs_only_itself_in_any_number_of_processes(folder):
    start = partial(load, str(folder / "model"))
    for workers in (1, 2):
        target = folder / str(workers)
        plan = plan_jobs([folder / "in"], target)
        text, failed = summarise(plan, enhance_jobs(start, plan.jobs, workers))
        head, line = text.splitlines()
        assert all(told in head for told in ("3 files", "3.0 s", "1 failed"))
        assert failed == 1 and str(folder / "in" / "b.flac") in line
        names = sorted(path.name for path in target.iterdir())
        assert names == ["a.flac", "c.flac", "d.flac"]
    for name in names:
        one, two = (soundfile.read(folder / n / name)[0] for n in "12")
        assert np.abs(one).max() > 0.01
        np.testing.assert_allclose(one, two, atol=2**-14)


def test_a_killed_process_costs_one_file_and_leaves_nothing(folder):
    loud = np.full(8000, 0.9)
    soundfile.write(folder / "in" / "b.flac", loud, 8000)
    plan = plan_jobs([folder / "in"], folder / "out")
    outcomes = enhance_jobs(partial(Deadly, folder / "out"), plan.jobs, 2)
    problems = {o.job.source.name: o.problem for o in outcomes if o.problem}
    assert list(problems) == ["b.flac"] and "SIGKILL" in problems["b.flac"]
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["a.flac", "c.flac", "d.flac"]


def test_what_a_killed_run_left_is_swept_up_later(folder):
    (job, *_) = plan_jobs([folder / "in"], folder / "out").jobs
    job.target.parent.mkdir()
    old, fresh = (partial_of(job.target, process) for process in (1, 2))
    for path, age in ((old, ABANDONED + 10), (fresh, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    remove_abandoned([job])
    assert not old.exists() and fresh.exists()
