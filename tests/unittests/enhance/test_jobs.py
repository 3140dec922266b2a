"""Many files: what will be written is known before work begins; what fails is
told and the rest goes on, in one process or in several.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import signal
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from stream_models import noise, random_model

from dispatch_sb import load_student
from dispatch_sb.enhance.jobs import (
    enhance_jobs,
    plan_jobs,
    summarise,
)
from dispatch_sb.pretrained import save


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with in/a.wav, in/sub/b.flac, in/sub/B.OGG and more."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.wav", "in/sub/b.flac", "in/sub/B.OGG", "other/a.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, np.zeros(800), 8000)
    for name in ("in/notes.txt", "in/._a.wav", "in/.hidden.wav"):
        Path(name).write_text("no audio")
    return tmp_path


A, B, C = "in/a.wav", "in/sub/b.flac", "in/sub/B.OGG"


@pytest.mark.parametrize(
    "inputs, output, written",
    [
        (["in"], "out", {A: "a.wav", B: "sub/b.flac", C: "sub/B.OGG"}),
        (["in/sub/../../in/"], "out", {A: "a.wav", B: "sub/b.flac"}),
        (["in", "other"], "out", {A: "in/a.wav", "other/a.wav": "other/a.wav"}),
        ([A, B], "out", {A: "a.wav", B: "b.flac"}),
        (["in/**/*.[fw]*"], "out", {A: "a.wav", B: "sub/b.flac", C: None}),
        (["*/a.wav"], "out", {A: "in/a.wav", "other/a.wav": "other/a.wav"}),
        ([A], "out", {A: "a.wav"}),
        ([A], "folder.wav", {A: "a.wav"}),
        ([A], "b.wav", {A: ""}),
        (["in/a[1].wav"], "out", {"in/a[1].wav": "a[1].wav"}),
        (["in"], "in/enhanced", {"in/enhanced/a.wav": None, A: "a.wav"}),
    ],
)
def test_where_every_file_goes(here, inputs, output, written):
    Path("folder.wav").mkdir()
    Path("in/enhanced").mkdir()
    for copy in ("in/a[1].wav", "in/enhanced/a.wav"):
        Path(copy).write_bytes(Path(A).read_bytes())
    plan = plan_jobs(inputs, output, overwrite=True)
    found = {job.source.as_posix(): job.target for job in plan.jobs}
    for source, target in written.items():
        expected = None if target is None else Path(output, target)
        assert found.get(source) == expected
    assert len(found) == len(set(found.values())) and not plan.problems


def test_formats_and_what_is_there_already(here):
    (job,) = plan_jobs([A], "b.flac").jobs
    assert job.layout.format == "FLAC" and not job.fallback
    Path("out").mkdir()
    Path("out/b.mp3").touch()
    plan = plan_jobs([A, B], "out", "mp3")
    assert [job.target for job in plan.jobs] == [Path("out/a.mp3")]
    assert plan.kept == [Path("out/b.mp3")]
    plan = plan_jobs([A, B], "out", "mp3", overwrite=True)
    assert len(plan.jobs) == 2 and plan.kept == []


@pytest.mark.parametrize(
    "inputs, output, wanted, named",
    [
        (["in/../in/"], "in", None, r"\bin "),
        ([A], "in", None, A),
        ([A], "link", None, "link/a.wav"),
        ([A, "other/a.wav"], "out", None, "other/a.wav .*out/a.wav"),
        (["in/sub"], "out", "ogg", "out/[bB].ogg"),
        (["in"], "b.wav", None, "b.wav"),
        (["in"], "in/notes.txt", None, "in/notes.txt"),
    ],
)
def test_what_cannot_work_is_said_first(here, inputs, output, wanted, named):
    Path("link").mkdir()
    Path("link/a.wav").symlink_to(here / A)
    soundfile.write("in/sub/B.flac", np.zeros(800), 8000)
    before = sorted(here.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=named) as told:
        plan_jobs(inputs, output, wanted, overwrite=True)
    assert "\n" not in str(told.value)
    assert sorted(here.rglob("*")) == before


def test_a_broken_file_costs_only_itself_in_any_number_of_processes(here):
    save(random_model(), here / "model", "# Model")
    for name in (A, B):
        soundfile.write(name, noise(1, 8000, 2), 8000)
    soundfile.write("in/cut.flac", noise(3, 8000, 2), 8000)
    os.truncate("in/cut.flac", 9000)
    Path("in/text.flac").write_text("no audio")
    Path("in/link.wav").symlink_to("nowhere.wav")
    load = partial(load_student, "model")
    for workers in (1, 2):
        plan = plan_jobs(["in"], str(workers))
        outcomes = enhance_jobs(load, plan.jobs, workers)
        text, failed = summarise(plan, outcomes)
        head, *lines = text.splitlines()
        for told in ("3 files", "2.1 s", "3 failed"):
            assert told in head
        assert failed == 3 and len(lines) == 4
        assert lines[0].count("2 more are narrow band") == 1
        for name in ("in/cut.flac", "in/text.flac", "in/link.wav"):
            assert name in text
        assert len([p for p in Path(f"{workers}").rglob("*.*")]) == 3
    for name in ("a.wav", "sub/b.flac"):
        one, two = (soundfile.read(f"{n}/{name}")[0] for n in (1, 2))
        assert np.abs(one).max() > 0.01
        np.testing.assert_allclose(one, two, atol=2**-14)
    with pytest.raises(ValueError, match="workers"):
        enhance_jobs(load, plan.jobs, 0)


class Deadly(torch.nn.Module):
    """Kills its process when a signal is loud, half-way through a file."""

    def forward(self, noisy):
        if noisy.abs().max() > 0.7:
            assert list(Path("out").glob(f".*.{os.getpid()}.partial"))
            os.kill(os.getpid(), signal.SIGKILL)
        return noisy


def test_a_killed_process_costs_one_file_and_leaves_nothing(here):
    soundfile.write("in/loud.wav", np.full(8000, 0.9), 8000)
    plan = plan_jobs([A, B, "in/loud.wav"], "out")
    outcomes = enhance_jobs(Deadly, plan.jobs, 2)
    problems = {j.source.name: o for j, o in outcomes.items() if o[0] != 0.1}
    assert list(problems) == ["loud.wav"] and "SIGKILL" in problems["loud.wav"]
    assert sorted(p.name for p in Path("out").iterdir()) == ["a.wav", "b.flac"]


class Twice(torch.nn.Module):
    """Doubles its input."""

    def forward(self, noisy):
        return 2 * noisy


def test_what_a_user_would_wonder_about_is_noted(here):
    with av.open("in/old.mp2", "w") as container:  # read, but not written
        stream = container.add_stream("mp2", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    soundfile.write("in/nan.wav", np.full(7, np.nan), 16000, "FLOAT")
    soundfile.write("in/loud.wav", np.full(9, 0.9), 16000)
    names = ("old.mp2", "nan.wav", "loud.wav")
    plan = plan_jobs([f"in/{name}" for name in names], "out")
    outcomes = enhance_jobs(Twice, plan.jobs)
    text, failed = summarise(plan, outcomes)
    head, *notes = text.splitlines()
    assert failed == 0 and "3 files" in head and len(notes) == 3
    assert any("in/loud.wav" in n and " 9 " in n for n in notes)
    assert "out/old.wav" in text and "in/nan.wav" in text and " 7 " in text
    assert soundfile.info("out/old.wav").format == "WAV"
