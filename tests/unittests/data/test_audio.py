"""Audio files: read back as written, refused when damaged."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import noise, tone

from dispatch_sb.data import probe, read_audio, resample, write_audio
from dispatch_sb.data.files import atomic_path, audio_files, map_files


@pytest.mark.parametrize("name", ["a.wav", "sub/b.WAV"])
def test_float_files_come_back_exactly(tmp_path, name):
    signal = 3 * noise(0.5)  # beyond full scale, which float files hold
    write_audio(tmp_path / name, signal)
    assert np.array_equal(read_audio(tmp_path / name), signal)
    assert probe(tmp_path / name) == (8000, 16000, 1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_16_bit_files_come_back_within_half_a_step(tmp_path, name):
    signal = np.append(noise(0.5), [1.5, -1.5])  # clipped, not wrapped round
    write_audio(tmp_path / name, signal, subtype="PCM_16")
    back = read_audio(tmp_path / name)
    assert np.allclose(back[-2:], [1, -1], atol=1e-4)
    error = (back - signal)[:-2]
    assert 0 < np.abs(error).max() <= 0.5 / 32768 + 1e-9
    assert abs(error.mean()) < 0.02 / 32768  # no offset


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for name, signal in (("a.flac", noise()), ("b.wav", np.zeros((9, 2)))):
        with pytest.raises(ValueError, match=name):
            write_audio(tmp_path / name, signal)
    assert not list(tmp_path.iterdir())


def test_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write_audio(path, noise(0.1))
    before = path.read_bytes()

    def interrupted(file, content):
        file.write_text("RIFF")
        assert audio_files(tmp_path) == [path]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_bytes", interrupted)
        write_audio(path, noise(0.2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"


def test_folders_that_hold_themselves_are_searched_once(tmp_path):
    write_audio(tmp_path / "in" / "a.wav", noise(0.1))
    for number in range(30):  # and not 30 * 30 * 30 ... times
        (tmp_path / "in" / f"{number}").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to("in")
    found = [tmp_path / name / "a.wav" for name in ("again", "in")]
    assert audio_files(tmp_path) == found


def test_other_rates_and_stereo_are_refused_with_what_converts_them(
    tmp_path, monkeypatch
):
    path = tmp_path / "raw" / "a.wav"
    write_audio(path, noise(1, 8000), 8000)
    assert len(read_audio(path, sample_rate=None)) == 8000
    soundfile.write(tmp_path / "raw/b.wav", np.zeros((16000, 2)), 16000)
    for name in ("a.wav", "b.wav"):
        with pytest.raises(ValueError, match=name) as caught:
            read_audio(tmp_path / "raw" / name)
        narrow = "nothing above 4 kHz" in str(caught.value)
        assert narrow == (name == "a.wav")
    code = str(caught.value).partition('python -c "')[2].rstrip('"')
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    for name in ("a.wav", "b.wav"):
        assert len(read_audio(tmp_path / "NEW_FOLDER" / name)) == 16000


@pytest.mark.parametrize("samples", [48000, 48001, 48002, 100])
def test_resampling_keeps_the_duration(samples):
    resampled = resample(np.zeros(samples), 48000, 16000)
    assert len(resampled) == round(samples / 3)


def test_resampling_keeps_a_tone_and_removes_what_would_alias():
    low = resample(tone(1000, 48000), 48000, 16000)[1000:-1000]
    assert np.abs(low - tone(1000, 16000)[1000:-1000]).max() < 1e-3
    high = resample(tone(9000, 48000), 48000, 16000)[1000:-1000]
    assert np.abs(high).max() < 1e-4


def test_map_files_keeps_order_and_stops_at_an_error():
    numbers = [str(number) for number in range(100)]
    assert map_files(str, range(100), "Naming") == numbers
    done = []

    def fail_on_first(number):
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)  # the error arrives while the next item is worked on
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        map_files(fail_on_first, range(600), "Failing")
    assert len(done) < 599
