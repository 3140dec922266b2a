"""What a visitor may give the page, and what is said of everything else."""

import numpy as np
import pytest
import soundfile
from demo_signals import tone

from dispatch_sb.demo import recording as page
from dispatch_sb.demo.recording import fit_clean, read_recording


@pytest.fixture
def written(tmp_path):
    """Writes samples into a file and returns its path."""

    def write(samples, rate=16000):
        soundfile.write(tmp_path / "a.wav", samples, rate, "FLOAT")
        return tmp_path / "a.wav"

    return write


def test_a_file_of_the_right_kind_comes_as_it_is(written):
    loud = 4 * tone(0.5)  # beyond full scale
    recording = read_recording(written(loud), 16000)
    assert np.array_equal(recording.samples, loud)
    assert recording.notes == []


@pytest.mark.parametrize("rate", [8000, 44100])
def test_other_rates_and_channels_keep_pitch_and_loudness(written, rate):
    both = np.stack([tone(1.0, rate), 0.5 * tone(1.0, rate)], axis=1)
    samples, (note,) = read_recording(written(both, rate), 16000)
    assert len(samples) == 16000
    error = np.abs(samples - 0.75 * tone(1.0))[1000:-1000]
    assert error.max() < 0.002
    assert f"{rate} Hz, 2 channels to 16000 Hz, one channel" in note
    assert ("4 kHz" in note) == (rate == 8000)


BAD = np.where(np.arange(8000) == 4000, np.nan, tone(0.5))


@pytest.mark.parametrize(
    ("samples", "rate", "named"),
    [
        (tone(61, 8000), 8000, "61.0 s.*60 s"),
        (tone(0.2), 16000, "0.20 s.*0.25 s"),
        (1e-5 * tone(0.5), 16000, "clean recording is silent"),
        (BAD, 16000, "0.250 s"),
        (np.full(8000, np.inf), 16000, "0.000 s"),
    ],
)
def test_what_cannot_be_used_says_why(written, samples, rate, named):
    with pytest.raises(ValueError, match=named):
        read_recording(written(samples, rate), 16000, "clean recording")


def test_many_channels_are_refused_before_they_are_read(written, monkeypatch):
    monkeypatch.setattr(page, "MOST", 16000)
    read_recording(written(tone(1)), 16000)
    with pytest.raises(ValueError, match="3 channels"):
        read_recording(written(tone(0.5)[:, None].repeat(3, 1)), 16000)


def test_damaged_files_are_named_without_the_servers_folder(written):
    path = written(tone(0.5))
    for content in (path.read_bytes()[:9000], b"Dear all,"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^a\.wav .*another file") as told:
            read_recording(path, 16000)
        assert str(path.parent) not in str(told.value)


def test_noisy_and_clean_must_be_equally_long():
    noisy = np.ones(16000)
    fitted = fit_clean(noisy, np.ones(15999), 16000)
    assert [len(one) for one in fitted] == [15999, 15999]
    with pytest.raises(ValueError, match="0.90 s .* 1.00 s"):
        fit_clean(noisy, np.ones(14400), 16000)
