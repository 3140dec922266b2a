"""A recording is resumed, and never mixed with another one."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from teacher_data import write_pairs, write_teacher

from dispatch_sb.cli import main
from dispatch_sb.data import ManifestError, read_audio, write_audio
from dispatch_sb.enhance.record_teacher import record_folder, record_parts
from dispatch_sb.pretrained import FrozenTeacher, load_teacher
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.recording_checks import check_recordings

NAMES = {f"s_{i}": 8000 + 100 * i for i in range(6)}


class Halving(torch.nn.Module):
    """A denoiser of a sort."""

    def forward(self, noisy):
        return noisy / 2


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A teacher's folder."""
    return write_teacher(tmp_path_factory.mktemp("teacher") / "tiny")


@pytest.fixture
def world(tmp_path, source):
    """Pairs, their entries, and what records the noisy files."""
    entries = write_pairs(tmp_path, NAMES)
    load = functools.partial(load_teacher, source)
    places = tmp_path / "noisy", tmp_path / "out"
    return tmp_path, entries, functools.partial(record_folder, load, *places)


def content(folder):
    """Recordings by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*.flac")}


def test_it_is_what_the_teacher_answers(world, source):
    folder, entries, record = world
    assert record() == (6, 0)
    teacher, live = RecordedTeacher(folder / "out"), load_teacher(source)
    check_recordings(teacher, {**entries, "valid": entries["s_1"]})
    for entry in entries.values():
        noisy = torch.from_numpy(read_audio(entry["noisy_wav"]))
        recorded = read_audio(teacher.recording_of(entry["noisy_wav"]))
        assert np.allclose(recorded, live(noisy[None])[0], atol=1e-6)
    note = json.loads((folder / "out" / "recording.json").read_text())
    assert note["made_with"]["source"] == str(source)
    assert teacher.origin["recording_sha256"]
    with pytest.raises(ValueError):  # a recording is not recorded
        record_folder(lambda: teacher, folder / "noisy", folder / "again")


def test_a_killed_recording_goes_on(world, source):
    """Files, note and bytes are those of one that was never killed."""
    folder, _, record = world
    record()
    out = folder / "killed"
    words = ["record", str(source), str(folder / "noisy"), str(out)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from dispatch_sb.cli import main; main({words!r})",
        ],
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not content(out):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert main(words) == 0
    assert content(out) == content(folder / "out")
    notes = [(f / "recording.json").read_text() for f in (out, folder / "out")]
    assert notes[0] == notes[1]
    assert not list(out.glob(".*.partial"))


def test_processes_change_no_bit(world):
    folder, _, record = world
    record()
    one = content(folder / "out")
    for path in list((folder / "out").glob("*.flac"))[:4]:
        path.unlink()
    assert record(workers=2) == (4, 2)
    assert content(folder / "out") == one


def test_what_is_stale_or_foreign_is_refused_by_name(world):
    folder, entries, record = world
    record()
    noisy = folder / "noisy" / "s_1.wav"
    write_audio(noisy, read_audio(noisy) / 2, subtype="PCM_16")
    other = folder / "out" / "s_2.flac"
    write_audio(other, np.zeros(8200), subtype="PCM_16")
    with pytest.raises(ManifestError) as error:
        record()
    assert len(error.value.problems) == 2
    assert str(noisy) in str(error.value) and str(other) in str(error.value)
    with pytest.raises(ManifestError, match="s_2.flac"):
        check_recordings(RecordedTeacher(folder / "out"), entries)
    assert record(force=True) == (2, 4)
    entries["s_3"]["noisy_sha256"] = "another file's"
    with pytest.raises(ManifestError) as error:
        check_recordings(RecordedTeacher(folder / "out"), entries)
    named = {name for name in NAMES if name in str(error.value)}
    assert named == {"s_1", "s_3"}  # the entries are older than s_1 too


def test_another_teacher_is_refused(world, tmp_path):
    folder, _, record = world
    record()
    source = write_teacher(tmp_path / "other", seed=2)
    words = ["record", str(source), str(folder / "noisy"), str(folder / "out")]
    before = content(folder / "out")
    assert main(words) == 1
    assert content(folder / "out") == before
    assert main([*words, "--force"]) == 0
    after = content(folder / "out")
    assert all(after[name] != before[name] for name in before)


def test_runs_share_a_folder_of_all_parts_and_load_the_teacher_once(world):
    """Also of a teacher that somebody made in Python, which no file is."""
    folder, entries, _ = world
    other = write_pairs(folder / "more", {"s_0": 9000})
    loaded = []

    def load():
        loaded.append(FrozenTeacher(Halving()))
        return loaded[-1]

    parts = {"train": entries, "valid": other}
    first = record_parts(load, parts, folder / "shared")
    assert len(loaded) == 1
    second = record_parts(load, parts, folder / "shared")
    assert first.folder == second.folder
    for part in parts.values():
        check_recordings(second, part)
    for entry in entries.values():
        recorded = read_audio(second.recording_of(entry["noisy_wav"]))
        half = read_audio(entry["noisy_wav"]) / 2
        assert np.allclose(recorded, half, atol=1e-6)
    fewer = record_parts(load, {"train": entries}, folder / "shared")
    assert fewer.folder != first.folder
