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
from dispatch_sb.pretrained import recording_checks
from dispatch_sb.pretrained.recorded import RecordedTeacher, write_recording


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


def fit(folder, entries, delay=0):
    """A teacher that fits the entries, and further parts that are recorded."""
    parts = entries if "train" in entries else {"train": entries}
    teacher = RecordedTeacher(folder / "recorded", delay)
    places = folder / "note.json", folder / "copies"
    return teacher, recording_checks.fit_recordings(teacher, parts, *places)


def problems(folder, entries):
    """What the check finds."""
    with pytest.raises(ManifestError) as error:
        fit(folder, entries)
    return error.value.problems


@pytest.mark.parametrize("seconds", [None, 0.25, 0.9, 2.0])
def test_three_signals_are_cut_with_one_offset(data, seconds):
    folder, entries = data
    teacher, _ = fit(folder, entries)
    dataset = pair_dataset(
        folder / "pairs.json", folder, seconds, seed=4, teacher=teacher
    )
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        for item in dataset:
            assert torch.equal(item["teacher_sig"], item["noisy_sig"] / 2)
            assert len(item["clean_sig"]) == len(item["noisy_sig"])
            assert seconds in (None, len(item["noisy_sig"]) / RATE)


@pytest.mark.parametrize("lag", [37, -20])
def test_a_delay_is_found_refused_and_corrected(data, lag):
    folder, entries = data
    for key in entries:
        late = np.roll(noisy(folder, key) / 2, lag)
        write_audio(recording(folder, key), late)
    (problem,) = problems(folder, entries)
    assert f"teacher_delay: {lag}" in problem
    teacher, _ = fit(folder, entries, lag)
    for key, entry in entries.items():
        aligned = read_audio(teacher.recording_of(entry["noisy_wav"]))
        wanted = noisy(folder, key) / 2
        assert aligned.shape == wanted.shape
        assert np.allclose(aligned[50:-50], wanted[50:-50], atol=1e-6)


def test_one_that_lags_unlike_the_others_is_named(data):
    folder, entries = data
    write_audio(recording(folder, "a_2"), np.roll(noisy(folder, "a_2"), 200))
    (problem,) = problems(folder, entries)
    assert str(recording(folder, "a_2")) in problem and "200" in problem


def test_another_rate_and_format_are_converted_once(data):
    folder, _ = data
    wide = np.random.default_rng(0).standard_normal(160) @ np.sin(
        np.outer(2 * np.pi * np.arange(100, 260), np.arange(48000) / 48000)
    )
    wide = 0.3 * wide / np.abs(wide).max()
    recording(folder, "b_1").unlink()
    write_audio(folder / "recorded/b_1.flac", wide, 48000, "PCM_16")
    write_audio(folder / "noisy/b_1.wav", wide[::3])
    entries, written = entries_of(folder), set()
    for _ in range(2):
        teacher, _ = fit(folder, entries)
        (copy,) = (folder / "copies").rglob("*.wav")
        written.add((copy.stat().st_ino, copy.stat().st_ctime_ns))
        assert teacher.recording_of("x/b_1.wav") == copy
    assert len(written) == 1
    inner = slice(500, -500)
    assert np.allclose(read_audio(copy)[inner], wide[::3][inner], atol=1e-3)
    write_audio(folder / "recorded/b_1.flac", wide / 2, 48000, "PCM_16")
    teacher, _ = fit(folder, entries)
    assert np.allclose(2 * read_audio(copy)[inner], wide[::3][inner], atol=1e-3)


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
    for channels, value in ((2, 0), (1, np.nan)):
        wrong = np.full((9000, channels), value, np.float32)
        soundfile.write(recording(folder, "a_1"), wrong, RATE, "FLOAT")
        (line,) = problems(folder, {"a_1": entries["a_1"]})
        assert str(recording(folder, "a_1")) in line


def test_parts_that_are_not_recorded_do_without(data, tmp_path):
    folder, entries = data
    other = write_pairs(tmp_path / "valid", {"c_1": 8000})
    assert fit(folder, {"train": entries, "valid": other})[1] == ["train"]
    assert "c_1" in problems(folder, {"train": other})[0]


def test_an_answer_is_remembered_until_a_file_changes(data, monkeypatch):
    folder, entries = data
    fit(folder, entries)
    monkeypatch.setattr(recording_checks, "read_channels", None)
    fit(folder, entries)  # reads no file
    write_audio(recording(folder, "a_1"), np.ones(9000))
    with pytest.raises(TypeError):
        fit(folder, entries)


def test_sub_folders_tell_equal_names_apart(tmp_path):
    for name in ("ann/1", "bob/1", "bob/2"):
        write_audio(tmp_path / "rec" / f"{name}.wav", np.zeros(160))
    teacher = RecordedTeacher(tmp_path / "rec")
    for name, found in {
        "ann/1": "ann/1.wav",
        "bob/1": "bob/1.wav",
        "2": "bob/2.wav",
        "carl/1": None,
        "3": None,
    }.items():
        expected = found and tmp_path / "rec" / found
        assert teacher.recording_of(f"/noisy/{name}.flac") == expected
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
