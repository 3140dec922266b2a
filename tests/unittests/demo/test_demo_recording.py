"""What a visitor may give the page, and what is said of everything else."""

import numpy as np
import pytest
import soundfile
from demo_signals import tone

from dispatch_sb.demo.recording import (
    Recording,
    fit_clean,
    read_recording,
)


def written(path, samples, rate=16000, subtype="FLOAT"):
    """Writes a file and returns its path."""
    soundfile.write(path, samples, rate, subtype)
    return path


def test_a_file_of_the_right_kind_comes_as_it_is(tmp_path):
    signal = tone(0.5)
    recording = read_recording(written(tmp_path / "a.wav", signal), 16000)
    assert np.array_equal(recording.samples, signal)
    assert recording.notes == []


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_other_rates_keep_pitch_and_loudness(tmp_path, rate):
    path = written(tmp_path / "a.wav", tone(1.0, rate), rate)
    samples, notes = read_recording(path, 16000)
    assert len(samples) == 16000
    inner = slice(1000, -1000)
    assert np.abs(samples - tone(1.0))[inner].max() < 0.002
    assert notes == [f"The recording was converted from {rate} Hz to 16000 Hz."]


def test_channels_are_averaged(tmp_path):
    both = np.stack([tone(0.5), 0.5 * tone(0.5)], axis=1)
    path = written(tmp_path / "a.wav", both)
    samples, notes = read_recording(path, 16000)
    assert np.allclose(samples, 0.75 * tone(0.5), atol=1e-6)
    assert "2 channels to one channel" in notes[0]


def test_a_recording_louder_than_full_scale_is_kept(tmp_path):
    path = written(tmp_path / "a.wav", 3 * tone(0.5))
    assert np.abs(read_recording(path, 16000).samples).max() > 0.85


def test_what_is_too_long_or_too_short_says_so(tmp_path):
    path = written(tmp_path / "a.wav", tone(3.0))
    assert len(read_recording(path, 16000, longest=3.0).samples) == 48000
    with pytest.raises(ValueError, match="3.0 s long.*up to 2 s: cut it"):
        read_recording(path, 16000, longest=2.0)
    path = written(tmp_path / "b.wav", tone(0.2))
    with pytest.raises(ValueError, match="0.20 s long, and 0.25 s are needed"):
        read_recording(path, 16000)


def test_silence_says_so(tmp_path):
    path = written(tmp_path / "a.wav", 1e-6 * tone(0.5))
    with pytest.raises(ValueError, match="The clean recording is silent"):
        read_recording(path, 16000, "clean recording")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_named_by_its_place(tmp_path, bad):
    signal = tone(0.5)
    signal[4000] = bad
    path = written(tmp_path / "a.wav", signal)
    with pytest.raises(ValueError, match="first at 0.250 s: export it again"):
        read_recording(path, 16000)


def test_what_is_no_audio_is_named_without_the_servers_folder(tmp_path):
    path = tmp_path / "letter.wav"
    path.write_text("Dear all,")
    with pytest.raises(ValueError) as refusal:
        read_recording(path, 16000)
    assert str(refusal.value).startswith("letter.wav cannot be read as audio")
    assert str(refusal.value).endswith("such as WAV, FLAC, Ogg or MP3.")
    assert str(tmp_path) not in str(refusal.value)


def test_a_truncated_file_is_refused(tmp_path):
    path = written(tmp_path / "a.wav", tone(0.5))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ValueError, match="a.wav is truncated"):
        read_recording(path, 16000)


def test_noisy_and_clean_must_be_equally_long():
    noisy = Recording(np.ones(16000), ["kept"])
    fitted = fit_clean(noisy, Recording(np.ones(15999), []), 16000)
    assert [len(one.samples) for one in fitted] == [15999, 15999]
    assert fitted[0].notes == ["kept"]
    with pytest.raises(
        ValueError, match="is 0.90 s long and the noisy one 1.0"
    ):
        fit_clean(noisy, Recording(np.ones(14400), []), 16000)
