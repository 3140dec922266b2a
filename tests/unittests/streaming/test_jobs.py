"""Many files: what fails is told and the rest goes on, in one process or in
several, and nothing half-written stays.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stream_models import random_model, write_model_folder
from stream_workers import Unlucky, Unpicklable

from dispatch_sb.data.files import atomic_path
from dispatch_sb.publish.open import open_model
from dispatch_sb.streaming.jobs import (
    ABANDONED,
    Worker,
    enhance_jobs,
    partial_of,
    remove_abandoned,
)
from dispatch_sb.streaming.plan import plan_jobs
from dispatch_sb.streaming.processes import run_in_processes
from dispatch_sb.streaming.summary import summarise


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
    worker = Worker(partial(open_model, str(folder / "model")))
    for workers in (1, 2):
        target = folder / str(workers)
        plan = plan_jobs([folder / "in"], target)
        text, failed = summarise(plan, enhance_jobs(worker, plan.jobs, workers))
        assert text.startswith("3 files enhanced (3.0 s of audio); 1 failed.")
        assert failed == 1 and "b.flac: it is damaged near" in text
        names = sorted(path.name for path in target.iterdir())
        assert names == ["a.flac", "c.flac", "d.flac"]
    for name in names:
        one, two = (soundfile.read(folder / n / name)[0] for n in "12")
        assert np.abs(one).max() > 0.01
        np.testing.assert_allclose(one, two, atol=2**-14)
    again = plan_jobs([folder / "in"], target)
    assert [job.source.name for job in again.jobs] == ["b.flac"]
    assert "; 3 existed and were kept" in summarise(again, [])[0]


def test_a_model_that_does_not_load_is_one_error(folder):
    plan = plan_jobs([folder / "in"], folder / "out")
    worker = Worker(partial(open_model, str(folder / "nothing")))
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        enhance_jobs(worker, plan.jobs)
    with pytest.raises(ValueError, match="workers is 0"):
        enhance_jobs(worker, plan.jobs, 0)


def test_a_killed_process_costs_one_job_and_leaves_nothing(tmp_path):
    told = []
    jobs = ["one", "die", "two"]
    outcomes = sorted(run_in_processes(Unlucky(tmp_path), jobs, 1, told.append))
    assert outcomes[:2] == ["done one", "done two"]
    assert outcomes[2].startswith("lost die: ") and "SIGKILL" in outcomes[2]
    assert told == [0.5] * 3 and list(tmp_path.iterdir()) == []


def test_an_interruption_ends_the_process_and_leaves_nothing(tmp_path):
    def interrupt(seconds):
        if seconds == 1.0:  # the file is half-written
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(run_in_processes(Unlucky(tmp_path), ["sleep"], 2, interrupt))
    assert time.monotonic() - began < 300  # it would sleep for longer
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_cannot_start_with_is_raised_here():
    worker = Unlucky(None, Unpicklable("no model", 2))
    with pytest.raises(RuntimeError, match="Unpicklable: no model"):
        list(run_in_processes(worker, ["one"], 1, [].append))


def test_what_a_killed_run_left_is_swept_up_later(folder):
    (job, *_) = plan_jobs([folder / "in"], folder / "out").jobs
    job.target.parent.mkdir()
    old, fresh = (partial_of(job.target, process) for process in (1, 2))
    for path, age in ((old, ABANDONED + 10), (fresh, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    remove_abandoned([job])
    assert not old.exists() and fresh.exists()


def test_unfinished_files_are_found_by_their_name(tmp_path):
    with atomic_path(tmp_path / "a.wav") as temporary:
        temporary.touch()
        assert temporary == partial_of(Path(tmp_path, "a.wav"), os.getpid())
