"""Recordings are found, checked and aligned before anything is trained."""

import shutil

import numpy as np
import pytest
import soundfile
import torch
from teacher_data import RATE, entries_of, write_pairs

from dispatch_sb.data import (
    ManifestError,
    pair_dataset,
    read_audio,
    write_audio,
)
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.pretrained.recorded import RecordedTeacher, write_recording
from dispatch_sb.pretrained.recording_checks import (
    align_recordings,
    check_recordings,
    fit_recordings,
)


@pytest.fixture
def data(tmp_path):
    """Three pairs, and half of each noisy file as its recording."""
    entries = write_pairs(tmp_path, {"a_1": 9000, "a_2": 24000, "b_1": 16000})
    for key in entries:
        write_audio(recording(tmp_path, key), noisy(tmp_path, key) / 2)
    return tmp_path, entries


def noisy(folder, key):
    return read_audio(folder / "noisy" / f"{key}.wav")


def recording(folder, key):
    return folder / "recorded" / f"{key}.wav"


def problems(folder, entries, delay=0):
    """What the check finds."""
    teacher = RecordedTeacher(folder / "recorded", delay)
    with pytest.raises(ManifestError) as error:
        check_recordings(teacher, entries)
    return error.value.problems


@pytest.mark.parametrize("seconds", [None, 0.25, 0.9, 2.0])
def test_three_signals_are_cut_with_one_offset(data, seconds):
    folder, entries = data
    teacher = load_teacher(folder / "recorded")
    check_recordings(teacher, entries)
    dataset = pair_dataset(
        folder / "pairs.json", folder, seconds, seed=4, teacher=teacher
    )
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        for item in dataset:
            assert torch.equal(item["teacher_sig"], item["noisy_sig"] / 2)
            assert len(item["clean_sig"]) == len(item["noisy_sig"])
            assert seconds in (None, len(item["noisy_sig"]) / RATE)


def test_it_has_nothing_to_train_and_cannot_be_asked(data):
    teacher = load_teacher(data[0] / "recorded")
    assert not teacher.live and not list(teacher.parameters())
    with pytest.raises(RuntimeError, match=str(data[0] / "recorded")):
        teacher(torch.zeros(1, 100))


def test_a_delay_is_found_refused_and_corrected(data):
    folder, entries = data
    for lag in (37, -20):
        for key in entries:
            late = np.roll(noisy(folder, key) / 2, lag)
            write_audio(recording(folder, key), late)
        (problem,) = problems(folder, entries)
        assert f"teacher_delay: {lag}" in problem
        teacher = RecordedTeacher(folder / "recorded", delay=lag)
        fitted = fit_recordings(
            teacher, {"train": entries}, folder / "n.json", folder / "copies"
        )
        assert fitted == ["train"]
        for key, entry in entries.items():
            aligned = read_audio(teacher.recording_of(entry["noisy_wav"]))
            inner = slice(50, -50)
            wanted = noisy(folder, key) / 2
            assert aligned.shape == wanted.shape
            assert np.allclose(aligned[inner], wanted[inner], atol=1e-6)


def test_another_rate_and_format_are_converted_once(data):
    folder, entries = data
    time = np.arange(3 * 16000) / 48000
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)
    recording(folder, "b_1").unlink()
    write_audio(folder / "recorded/b_1.flac", tone, 48000, "PCM_16")
    write_audio(folder / "noisy/b_1.wav", tone[::3])
    teacher = RecordedTeacher(folder / "recorded")
    for _ in range(2):
        align_recordings(teacher, entries_of(folder), folder / "copies")
        (copy,) = (folder / "copies").rglob("*.flac")
        written = copy.stat().st_ino, copy.stat().st_ctime_ns
        assert teacher.recording_of("x/b_1.wav") == copy
    assert (copy.stat().st_ino, copy.stat().st_ctime_ns) == written
    inner = slice(500, -500)
    assert np.allclose(read_audio(copy)[inner], tone[::3][inner], atol=1e-3)


def test_everything_wrong_is_said_at_once(data):
    folder, entries = data
    loud = np.clip(8 * noisy(folder, "b_1"), -1, 1)
    write_audio(recording(folder, "b_1"), loud, RATE, "PCM_16")
    write_audio(recording(folder, "a_2"), noisy(folder, "a_2")[:-200])
    write_audio(recording(folder, "a_1"), np.zeros(9000))
    lone = {"noisy_wav": str(folder / "noisy" / "c_1.wav"), "length": 1.0}
    found = problems(folder, {**entries, "c_1": lone})
    assert len(found) == 4 and lone["noisy_wav"] in found[0]
    for key, named in (("a_1", ""), ("a_2", "23800"), ("b_1", "")):
        (line,) = [x for x in found if str(recording(folder, key)) in x]
        assert named in line
    soundfile.write(recording(folder, "a_1"), np.zeros((9000, 2)), RATE)
    (line,) = problems(folder, {"a_1": entries["a_1"]})
    assert str(recording(folder, "a_1")) in line and " 2 " in line


def test_parts_that_are_not_recorded_do_without(data, tmp_path):
    folder, entries = data
    other = write_pairs(tmp_path / "valid", {"c_1": 8000})
    teacher = RecordedTeacher(folder / "recorded")
    parts = {"train": entries, "valid": other}
    note, copies = folder / "n.json", folder / "copies"
    assert fit_recordings(teacher, parts, note, copies) == ["train"]
    with pytest.raises(ManifestError):
        fit_recordings(teacher, {"train": other}, note, copies)


def test_an_answer_is_remembered_until_a_file_changes(data, monkeypatch):
    folder, entries = data
    note = folder / "note.json"
    teacher = RecordedTeacher(folder / "recorded")
    check_recordings(teacher, entries, note=note)
    name = "dispatch_sb.pretrained.recording_checks.read_channels"
    monkeypatch.setattr(name, None)  # no file can be read
    check_recordings(teacher, entries, note=note)
    write_audio(recording(folder, "a_1"), np.ones(9000))
    with pytest.raises(TypeError):
        check_recordings(teacher, entries, note=note)


def test_sub_folders_tell_equal_names_apart(tmp_path):
    for name in ("ann/1", "bob/1", "bob/2"):
        write_audio(tmp_path / "rec" / f"{name}.wav", np.zeros(160))
    teacher = RecordedTeacher(tmp_path / "rec")
    found = {
        name: teacher.recording_of(f"/noisy/{name}.flac")
        for name in ("ann/1", "bob/1", "2", "carl/1", "3")
    }
    assert found["ann/1"] == tmp_path / "rec/ann/1.wav"
    assert found["bob/1"] == tmp_path / "rec/bob/1.wav"
    assert found["2"] == tmp_path / "rec/bob/2.wav"
    assert found["carl/1"] is None and found["3"] is None
    shutil.copy(tmp_path / "rec/ann/1.wav", tmp_path / "rec/ann/1.flac")
    with pytest.raises(ValueError, match="ann/1"):
        RecordedTeacher(tmp_path / "rec")


@pytest.mark.parametrize("peak, limit", [(0.5, 120), (0.005, 80), (1.5, 120)])
def test_recordings_lose_nothing(tmp_path, peak, limit):
    """Loud ones do not clip, quiet ones keep their resolution."""
    signal = np.random.default_rng(0).standard_normal(RATE)
    signal = (peak * signal / np.abs(signal).max()).astype("float32")
    error = read_audio(write_recording(tmp_path / "x", signal)) - signal
    noise = np.sum(error.astype("float64") ** 2) + 1e-30
    assert 10 * np.log10(np.sum(signal**2) / noise) > limit
