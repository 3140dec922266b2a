"""Files of any rate, channels, format and length, enhanced block by block.

Authors
 * The dispatch-sb contributors, 2026
"""

import io

import av
import numpy as np
import pytest
import soundfile
import torch
from stream_models import identity_model, noise, random_model
from torch import nn

from dispatch_sb.data.formats import choose_layout
from dispatch_sb.enhance.chunked import ChunkedEnhancer, enhancer_of
from dispatch_sb.enhance.one_file import enhance_file
from dispatch_sb.enhance.rates import SignalEnhancer
from dispatch_sb.enhance.sound_files import (
    BLOCK_VALUES,
    create_audio,
    read_blocks,
)

IDENTITY = enhancer_of(identity_model())


def lag_of(first, second):
    """Samples by which the second signal is later, by cross-correlation."""
    spectra = [np.fft.rfft(x, 2 * len(first)) for x in (first, second)]
    correlation = np.fft.irfft(spectra[0].conj() * spectra[1])
    lag = int(correlation.argmax())
    return lag if lag < len(first) else lag - 2 * len(first)


@pytest.mark.parametrize(
    "rate, channels, samples",
    [
        (16000, 1, 16000),
        (8000, 2, 12345),
        (11025, 3, 9999),
        (44100, 2, 44101),
        (48000, 1, 70001),
        (96000, 2, 96003),
    ],
)
def test_length_channels_and_time_are_kept(tmp_path, rate, channels, samples):
    # 0.14 of 48 kHz is 6.7 kHz: all of it fits the model's rate.
    signal = noise(samples / rate, rate, channels, band=0.14)
    soundfile.write(tmp_path / "in.wav", signal, rate, "FLOAT")
    enhance_file(IDENTITY, tmp_path / "in.wav", tmp_path / "out.wav")
    made, made_rate = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert made_rate == rate and made.shape == signal.shape
    for channel in range(channels):
        assert lag_of(signal[:, channel], made[:, channel]) == 0
    assert np.abs(made - signal).max() < 2e-3  # of a peak of 0.3


@pytest.mark.parametrize("samples", [0, 1, 7, 300])
@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("causal", [True, False])
def test_the_shortest_files_keep_their_length(tmp_path, samples, rate, causal):
    enhancer = IDENTITY if causal else ChunkedEnhancer(nn.Identity())
    signal = noise(0.1, rate, 2)[:samples]
    soundfile.write(tmp_path / "in.wav", signal, rate)
    enhance_file(enhancer, tmp_path / "in.wav", tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").frames == samples


def test_equals_the_model_on_the_whole_file(tmp_path):
    model = random_model()
    signal = noise(6, 16000, 2, band=0.9)
    soundfile.write(tmp_path / "in.wav", signal, 16000, "FLOAT")
    target = tmp_path / "new" / "out.wav"
    enhance_file(enhancer_of(model), tmp_path / "in.wav", target)
    made = soundfile.read(target, dtype="float32")[0]
    with torch.no_grad():
        expected = model(torch.from_numpy(signal.T)).T.numpy()
    assert 0.01 < np.abs(expected - signal).max()  # it does something
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize(
    "name, subtype",
    [
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "DOUBLE"),
        ("a.flac", "PCM_24"),
        ("a.aiff", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
        ("a.w64", "FLOAT"),
    ],
)
def test_format_and_subtype_are_the_inputs(tmp_path, name, subtype):
    path, target = tmp_path / name, tmp_path / "out" / name
    soundfile.write(path, noise(1, 16000, 1), 16000, subtype)
    enhance_file(ChunkedEnhancer(nn.Identity()), path, target)
    made, given = soundfile.info(target), soundfile.info(path)
    assert (made.format, made.subtype) == (given.format, subtype)
    if name not in ("a.ogg", "a.mp3"):  # bit for bit
        samples = (soundfile.read(file)[0] for file in (path, target))
        np.testing.assert_array_equal(*samples)


def test_a_format_that_does_not_fit_the_file_is_named(tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros((100, 3)), 44100)
    with pytest.raises(ValueError, match="MP3.* 3 "):
        enhance_file(IDENTITY, tmp_path / "in.wav", tmp_path / "out.mp3")
    layout = choose_layout("WAV", "FLOAT")
    with pytest.raises(ValueError, match="--format w64"):
        create_audio(io.BytesIO(), layout, 48000, 2, samples=600_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_values_that_are_no_numbers_become_silence(tmp_path):
    signal = noise(2, 16000, 1)
    spoiled = signal.copy()
    spoiled[1000:1010] = np.nan
    spoiled[9000] = np.inf
    soundfile.write(tmp_path / "in.wav", spoiled, 16000, "FLOAT")
    result = enhance_file(IDENTITY, tmp_path / "in.wav", tmp_path / "o.wav")
    assert result == (2.0, 11)
    made = soundfile.read(tmp_path / "o.wav", always_2d=True)[0]
    signal[1000:1010] = signal[9000] = 0
    assert np.abs(made - signal).max() < 2e-3


def test_a_model_that_returns_nan_leaves_no_file(tmp_path):
    class Broken(nn.Module):
        def forward(self, waveform):
            return waveform / 0

    soundfile.write(tmp_path / "in.wav", noise(1, 16000, 1), 16000)
    with pytest.raises(ValueError, match="model"):
        enhance_file(
            ChunkedEnhancer(Broken()), tmp_path / "in.wav", tmp_path / "o.wav"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
def test_truncated_files_are_errors_that_leave_nothing(tmp_path, name):
    soundfile.write(tmp_path / name, noise(5, 16000, 1), 16000)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError):
        enhance_file(IDENTITY, tmp_path / name, tmp_path / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_format_that_libsndfile_only_reads_becomes_wav(tmp_path):
    path, target = tmp_path / "a.mp2", tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp2", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seconds, _ = enhance_file(IDENTITY, path, target)
    assert 1.0 <= seconds < 1.1 and soundfile.info(target).format == "WAV"


@pytest.mark.parametrize("channels", [1, 4])
def test_hours_need_no_more_memory_than_minutes(channels):
    class Endless:
        """An hour of a sound file."""

        samplerate, format, frames = 16000, "WAV", 3600 * 16000
        left = frames

        def read(self, size, dtype, always_2d):
            size = min(size, self.left)
            self.left -= size
            return np.zeros((size, channels), dtype)

    class Counter:
        """An enhancer without a model."""

        sample_rate = 16000

        def initial_state(self, batch):
            return (torch.zeros(batch),)

        def __call__(self, samples, state):
            return samples, state

        def finish(self, state):
            return torch.zeros(channels, 0)

    Endless.channels = channels
    signal, total, largest = SignalEnhancer(Counter(), 16000, channels), 0, 0
    for block in read_blocks(Endless()):
        made = signal.push(block)
        total += len(made)
        largest = max(largest, block.size, made.size)
    assert total == 3600 * 16000 and largest <= BLOCK_VALUES


def test_the_state_of_a_stream_does_not_grow():
    enhancer = enhancer_of(random_model())
    signal = SignalEnhancer(enhancer, 44100, 2)
    sizes, out = set(), []
    for number in range(30):
        out.append(len(signal.push(np.zeros((20000, 2), np.float32))))
        if number > 2:
            history, tail, memory = signal._state[:3]
            sizes.add((tail.shape, memory.shape))
            assert history.untyped_storage().nbytes() <= 2 * 4 * 1024
    assert len(sizes) == 1 and max(out) < 24000
    assert sum(out) + len(signal.finish()) == 30 * 20000
