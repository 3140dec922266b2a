"""Folders of any audio become 16 kHz mono: resumable, and with all problems
named at once."""

import itertools
import os

import numpy as np
import pytest
import soundfile
from sounds import cut, noise, tone

from dispatch_sb.data import (
    ManifestError,
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


@pytest.fixture
def ready(tmp_path):
    """Where converted files go."""
    return tmp_path / "ready"


def test_converting_gives_16_khz_mono_in_the_same_sub_folders(raw, ready):
    assert convert_folder(raw, ready) == 3
    names = [path.relative_to(ready).as_posix() for path in audio_files(ready)]
    assert names == ["a.wav", "c.wav", "sub/b.wav"]
    for path in audio_files(ready):
        assert probe(path) == (16000, 16000, 1)
    mean = read_audio(ready / "c.wav")[1000:-1000]
    half = 0.5 * tone(1000, 16000)[1000:-1000]
    assert np.abs(mean - half).max() < 1e-3


def test_interrupted_converting_goes_on_where_it_stopped(
    raw, ready, monkeypatch
):
    real, calls = convert_module.write_audio, itertools.count()

    def interrupted(*args):
        if next(calls) == 1:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(convert_module, "write_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert_folder(raw, ready)
    there = {path: path.stat().st_ino for path in audio_files(ready)}
    assert 1 <= len(there) < 3
    monkeypatch.setattr(convert_module, "write_audio", real)
    assert convert_folder(raw, ready) == 3 - len(there)
    assert {path: path.stat().st_ino for path in there} == there
    assert convert_folder(raw, ready) == 0


@pytest.mark.parametrize("damage", ["truncated", "empty", "stale", "rate"])
def test_a_bad_converted_file_is_made_again(raw, ready, damage):
    convert_folder(raw, ready)
    path = ready / "a.wav"
    good, status = path.read_bytes(), path.stat()
    if damage == "truncated":
        cut(path)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "rate":
        write_audio(path, noise(1, 8000), 8000)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    if damage == "stale":
        os.utime(raw / "a.wav", (1e9, 1e9))
    assert convert_folder(raw, ready) == 1
    assert path.read_bytes() == good


def test_converting_lists_all_problems_and_keeps_the_rest(raw, ready):
    (raw / "text.wav").write_text("no audio")
    (raw / "zero.wav").touch()
    write_audio(raw / "nan.wav", np.full(48000, np.nan), 48000)
    write_audio(raw / "a.flac", noise(1, 48000), 48000, "PCM_16")
    bad = ["a.flac", "nan.wav", "text.wav", "zero.wav"]
    for rate, names in ((None, bad), (48000, [*bad, "c.wav"])):
        with pytest.raises(ManifestError) as caught:
            convert_folder(raw, ready / str(rate), source_rate=rate)
        assert len(caught.value.problems) == len(names)
        for name in names:
            assert str(raw / name) in str(caught.value)
        assert len(audio_files(ready / str(rate))) == 7 - len(names)


def test_pruning_removes_what_has_no_source_any_more(raw, ready):
    convert_folder(raw, ready)
    (raw / "c.wav").unlink()
    for prune in (False, True):
        convert_folder(raw, ready, prune=prune)
        assert (ready / "c.wav").exists() != prune
    assert (ready / "a.wav").exists()
