"""Folders of any audio become 16 kHz mono: resumable, and with all problems
named at once."""

import itertools

import numpy as np
import pytest
import soundfile
from sounds import cut, noise, tone

from dispatch_sb.data import (
    ConversionError,
    convert_folder,
    probe,
    read_audio,
    write_audio,
)
from dispatch_sb.data import convert as convert_module
from dispatch_sb.data.files import audio_files


@pytest.fixture
def raw(tmp_path):
    """48 kHz files, one of them in a sub-folder, one in stereo."""
    folder = tmp_path / "raw"
    write_audio(folder / "a.wav", tone(1000, 48000), 48000, "PCM_16")
    write_audio(folder / "sub" / "b.flac", noise(1, 48000), 48000, "PCM_16")
    stereo = np.stack([tone(1000, 44100), np.zeros(44100)], axis=1)
    soundfile.write(folder / "c.wav", stereo, 44100)
    return folder


def test_converting_gives_16_khz_mono_in_the_same_sub_folders(raw, tmp_path):
    ready = tmp_path / "ready"
    assert convert_folder(raw, ready) == 3
    names = [path.relative_to(ready).as_posix() for path in audio_files(ready)]
    assert names == ["a.wav", "c.wav", "sub/b.wav"]
    for path in audio_files(ready):
        assert probe(path) == (16000, 16000, 1)
    mean = read_audio(ready / "c.wav")[1000:-1000]
    half = 0.5 * tone(1000, 16000)[1000:-1000]
    assert np.abs(mean - half).max() < 1e-3


def test_interrupted_converting_goes_on_where_it_stopped(
    raw, tmp_path, monkeypatch
):
    ready = tmp_path / "ready"
    real, calls = convert_module.write_audio, itertools.count()

    def interrupted(*args):
        if next(calls) == 1:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(convert_module, "write_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert_folder(raw, ready)
    there = audio_files(ready)
    assert 1 <= len(there) < 3
    stamps = {path: path.stat().st_ino for path in there}
    monkeypatch.setattr(convert_module, "write_audio", real)
    assert convert_folder(raw, ready) == 3 - len(there)
    assert {path: path.stat().st_ino for path in there} == stamps
    assert convert_folder(raw, ready) == 0


@pytest.mark.parametrize("damage", ["truncated", "empty", "stale", "rate"])
def test_a_bad_converted_file_is_made_again(raw, tmp_path, damage):
    ready = tmp_path / "ready"
    convert_folder(raw, ready)
    path = ready / "a.wav"
    good, status = path.read_bytes(), path.stat()
    if damage == "truncated":
        cut(path)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "rate":
        write_audio(path, noise(1, 8000), 8000)
    convert_module.os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    if damage == "stale":
        convert_module.os.utime(raw / "a.wav", (1e9, 1e9))
    assert convert_folder(raw, ready) == 1
    assert path.read_bytes() == good


def test_converting_lists_all_problems_and_keeps_the_rest(raw, tmp_path):
    (raw / "text.wav").write_text("no audio")
    (raw / "zero.wav").touch()
    write_audio(raw / "nan.wav", np.full(48000, np.nan), 48000)
    write_audio(raw / "a.flac", noise(1, 48000), 48000, "PCM_16")
    with pytest.raises(ConversionError) as caught:
        convert_folder(raw, tmp_path / "ready")
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    for name in ("text.wav", "zero.wav", "nan.wav", "a.flac"):
        assert str(raw / name) in problems
    assert len(audio_files(tmp_path / "ready")) == 3


def test_converting_can_insist_on_rate_and_channels(raw, tmp_path):
    with pytest.raises(ConversionError) as caught:
        convert_folder(raw, tmp_path / "ready", source_rate=48000)
    (problem,) = caught.value.problems
    assert str(raw / "c.wav") in problem


@pytest.mark.parametrize("prune", [False, True])
def test_pruning_removes_what_has_no_source_any_more(raw, tmp_path, prune):
    ready = tmp_path / "ready"
    convert_folder(raw, ready)
    (raw / "c.wav").unlink()
    convert_folder(raw, ready, prune=prune)
    assert (ready / "c.wav").exists() != prune
    assert (ready / "a.wav").exists()


def test_converting_needs_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        convert_folder(tmp_path / "nowhere", tmp_path / "ready")
