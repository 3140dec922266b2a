"""Audio files: read back as written, refused when damaged."""

import struct
import time

import numpy as np
import pytest
import soundfile
from sounds import cut, noise, tone

from dispatch_sb.data import audio as audio_module
from dispatch_sb.data import (
    probe,
    read_audio,
    resample,
    sha256_of,
    write_audio,
)
from dispatch_sb.data.files import atomic_path, audio_files, map_files


@pytest.mark.parametrize("name", ["a.wav", "sub/b.WAV"])
def test_float_files_come_back_exactly(tmp_path, name):
    signal = 3 * noise(0.5)  # beyond full scale, which float files hold
    write_audio(tmp_path / name, signal)
    assert np.array_equal(read_audio(tmp_path / name), signal)
    assert probe(tmp_path / name) == (8000, 16000, 1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_16_bit_files_come_back_within_half_a_step(tmp_path, name):
    signal = noise(0.5)
    write_audio(tmp_path / name, signal, subtype="PCM_16")
    error = read_audio(tmp_path / name) - signal
    assert 0 < np.abs(error).max() <= 0.5 / 32768 + 1e-9
    assert abs(error.mean()) < 0.02 / 32768  # no offset


def test_16_bit_files_clip_instead_of_wrapping_round(tmp_path):
    write_audio(tmp_path / "a.wav", np.array([1.5, -1.5]), subtype="PCM_16")
    assert np.allclose(read_audio(tmp_path / "a.wav"), [1, -1], atol=1e-4)


def test_flac_refuses_floats_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match="a.flac.*FLOAT.*PCM_16"):
        write_audio(tmp_path / "a.flac", noise(0.1))


def test_writing_takes_one_channel_only(tmp_path):
    with pytest.raises(ValueError, match=r"\(100, 2\)"):
        write_audio(tmp_path / "a.wav", np.zeros((100, 2)))


def test_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write_audio(path, noise(0.1))
    before = path.read_bytes()

    def interrupted(file, *args, **kwargs):
        file.write_bytes(b"RIFF")
        raise KeyboardInterrupt

    monkeypatch.setattr(audio_module.soundfile, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_audio(path, noise(0.2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_path_shows_nothing_before_the_end(tmp_path):
    with atomic_path(tmp_path / "a.wav") as temporary:
        temporary.write_bytes(b"half")
        assert audio_files(tmp_path) == []
    assert audio_files(tmp_path) == [tmp_path / "a.wav"]


def test_what_is_no_audio_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    for content in (None, b"", b"Hello, world.\n" * 100):
        if content is not None:
            path.write_bytes(content)
        error = FileNotFoundError if content is None else ValueError
        for function in (probe, read_audio):
            with pytest.raises(error, match="a.wav"):
                function(path)


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
@pytest.mark.parametrize("share", [0.5, 0.999])
def test_truncated_wav_is_refused_even_by_its_header(tmp_path, subtype, share):
    path = tmp_path / "a.wav"
    write_audio(path, noise(1), subtype=subtype)
    cut(path, share)
    assert len(soundfile.read(path)[0]) > 0  # what we must not rely on
    for function in (probe, read_audio):
        with pytest.raises(ValueError, match="a.wav"):
            function(path)


def test_truncated_wav_is_found_behind_other_chunks(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, noise(1), subtype="PCM_16")
    content = path.read_bytes()
    note = b"LIST" + struct.pack("<I", 5) + b"INFO1\0"  # odd, hence padded
    path.write_bytes(content[:12] + note + content[12:])
    assert probe(path).samples == 16000
    cut(path)
    with pytest.raises(ValueError, match="a.wav"):
        probe(path)


def test_wav_of_unknown_length_is_read(tmp_path):
    path = tmp_path / "streamed.wav"  # as `ffmpeg … pipe:` writes it
    write_audio(path, noise(1), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    start = content.index(b"data")
    content[start + 4 : start + 8] = b"\xff" * 4
    path.write_bytes(content)
    assert len(read_audio(path)) == 16000


def test_truncated_flac_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    write_audio(path, noise(1), subtype="PCM_16")
    cut(path)
    with pytest.raises(ValueError, match="a.flac"):
        read_audio(path)


def test_other_rates_are_refused_with_the_command_that_converts(
    tmp_path, monkeypatch
):
    path = tmp_path / "raw" / "a.wav"
    write_audio(path, noise(1, 8000), 8000)
    assert len(read_audio(path, sample_rate=None)) == 8000
    with pytest.raises(ValueError, match="8000") as caught:
        read_audio(path)
    code = str(caught.value).partition('python -c "')[2].rstrip('"')
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert len(read_audio(tmp_path / "NEW_FOLDER" / "a.wav")) == 16000


def test_stereo_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((16000, 2)), 16000)
    with pytest.raises(ValueError, match="a.wav.* 2 .*convert_folder"):
        read_audio(path)


@pytest.mark.parametrize("samples", [48000, 48001, 48002, 100])
def test_resampling_keeps_the_duration(samples):
    resampled = resample(np.zeros(samples), 48000, 16000)
    assert len(resampled) == round(samples / 3)


def test_resampling_keeps_a_tone_and_removes_what_would_alias():
    low = resample(tone(1000, 48000), 48000, 16000)[1000:-1000]
    assert np.abs(low - tone(1000, 16000)[1000:-1000]).max() < 1e-3
    high = resample(tone(9000, 48000), 48000, 16000)[1000:-1000]
    assert np.abs(high).max() < 1e-4


def test_hash_depends_on_the_bytes(tmp_path):
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    for path, seed in zip(paths, (0, 0, 1)):
        write_audio(path, noise(0.1, seed=seed))
    first, same, other = map(sha256_of, paths)
    assert first == same != other


def test_map_files_keeps_order_and_stops_at_an_error():
    assert map_files(str, range(100), "Naming", workers=4) == [
        str(number) for number in range(100)
    ]
    done = []

    def fail_on_first(number):
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)  # the error arrives while the next item is worked on
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        map_files(fail_on_first, range(600), "Failing", workers=1)
    assert len(done) < 599
