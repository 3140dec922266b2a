"""Files and pipes of any rate, channels, format and length, enhanced block by
block.

Authors
 * The dispatch-sb contributors, 2026
"""

import io

import numpy as np
import pytest
import soundfile
import torch
from stream_models import identity_model, noise, random_model
from torch import nn

from dispatch_sb.data.audio import UNKNOWN_SIZE
from dispatch_sb.data.formats import Layout
from dispatch_sb.enhance import ChunkedEnhancer, enhancer_of
from dispatch_sb.enhance.one_file import (
    Enhanced,
    enhance_blocks,
    enhance_file,
)
from dispatch_sb.enhance.sound_files import (
    BLOCK_VALUES,
    audio_writer,
    read_blocks,
)

IDENTITY = enhancer_of(identity_model())
CHUNKED = ChunkedEnhancer(nn.Identity())


@pytest.fixture
def paths(tmp_path):
    """Where a file is, and where its enhanced version goes."""
    return tmp_path / "in.wav", tmp_path / "new" / "out.wav"


@pytest.mark.parametrize(
    "rate, channels, samples",
    [(8000, 2, 12345), (11025, 3, 9999), (44100, 2, 44101), (96000, 1, 96003)],
)
def test_length_channels_and_time_are_kept(paths, rate, channels, samples):
    # 0.14 of 48 kHz is 6.7 kHz: all of it fits the model's rate.
    signal = noise(samples / rate, rate, channels, band=0.14)
    soundfile.write(paths[0], signal, rate, "FLOAT")
    enhance_file(IDENTITY, *paths)
    made, made_rate = soundfile.read(paths[1], always_2d=True)
    assert made_rate == rate and made.shape == signal.shape
    # Of a peak of 0.3; one sample late would be 0.06 and more.
    assert np.abs(made - signal).max() < 2e-3


@pytest.mark.parametrize("enhancer", [IDENTITY, CHUNKED])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_shortest_files_keep_their_length(paths, rate, enhancer):
    for samples in (0, 1, 7, 300):
        soundfile.write(paths[0], np.zeros((samples, 2)), rate)
        enhance_file(enhancer, *paths)
        assert soundfile.info(paths[1]).frames == samples


@pytest.mark.parametrize(
    "suffix, subtype, exact",
    [
        (".wav", "PCM_U8", True),
        (".wav", "PCM_16", True),
        (".wav", "DOUBLE", True),
        (".flac", "PCM_24", True),
        (".ogg", "VORBIS", False),
        (".mp3", "MPEG_LAYER_III", False),
    ],
)
def test_format_and_subtype_are_the_inputs(paths, suffix, subtype, exact):
    path, target = (path.with_suffix(suffix) for path in paths)
    soundfile.write(path, noise(1, 16000, 1), 16000, subtype)
    enhance_file(CHUNKED, path, target)
    made, given = soundfile.info(target), soundfile.info(path)
    assert (made.format, made.subtype) == (given.format, subtype)
    if exact:  # bit for bit
        samples = (soundfile.read(file)[0] for file in (path, target))
        np.testing.assert_array_equal(*samples)


def test_a_format_that_does_not_fit_the_file_is_named(tmp_path, paths):
    soundfile.write(paths[0], np.zeros((100, 3)), 44100)
    with pytest.raises(ValueError, match="MP3"):
        enhance_file(IDENTITY, paths[0], tmp_path / "out.mp3")
    layout = Layout("WAV", "FLOAT", "")
    with pytest.raises(ValueError, match="w64"):
        with audio_writer(io.BytesIO(), layout, 48000, 2, 600_000_000):
            pass
    assert list(tmp_path.iterdir()) == [paths[0]]


RANDOM = random_model()


@pytest.mark.parametrize("level", [-60, 0])
@pytest.mark.parametrize(
    "model, enhancer",
    [
        (identity_model(), IDENTITY),
        (nn.Identity(), ChunkedEnhancer(nn.Identity(), 16000, 1.0, 0.3)),
        (RANDOM, enhancer_of(RANDOM)),
        (RANDOM, ChunkedEnhancer(RANDOM, chunk_seconds=10.0)),
    ],
)
def test_the_level_is_what_the_network_makes_of_it(
    paths, model, enhancer, level
):
    """Which is what it makes of the whole file."""
    gain = 10 ** (level / 20)
    signal = gain * (noise(2, 16000, 2, band=0.9) / 0.3 + 0.05)
    signal = signal.astype(np.float32)
    soundfile.write(paths[0], signal, 16000, "FLOAT")
    enhance_file(enhancer, *paths)
    with torch.no_grad():
        expected = model(torch.from_numpy(signal.T)).T.numpy()
    made = soundfile.read(paths[1], dtype="float32")[0]
    np.testing.assert_allclose(made / gain, expected / gain, atol=1e-4)


class Louder(nn.Module):
    """Twice as loud, with a tone of 6 kHz."""

    def __init__(self, tone=0.0):
        super().__init__()
        self.tone = tone

    def forward(self, waveform):
        time = torch.arange(waveform.shape[1]) / 16000
        tone = torch.sin(2 * torch.pi * 6000 * time)
        return 2 * waveform + self.tone * tone


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_what_passes_full_scale_is_counted_or_held(paths, subtype):
    signal = np.repeat([0.25, 0.5, -0.6, 0.75, -0.375], 1000)
    soundfile.write(paths[0], signal, 16000, subtype)
    result = enhance_file(ChunkedEnhancer(Louder()), *paths)
    made = soundfile.read(paths[1])[0]
    held = subtype == "FLOAT"
    assert result.clipped == (0 if held else 2000)
    expected = 2 * signal if held else (2 * signal).clip(-1, 1)
    np.testing.assert_allclose(made, expected, atol=2**-14)


@pytest.mark.parametrize("rate, narrow", [(8000, True), (16000, False)])
def test_narrow_band_stays_narrow_and_says_so(paths, rate, narrow):
    signal = noise(1, rate, 1, band=0.8) / 4
    soundfile.write(paths[0], signal, rate, "FLOAT")
    result = enhance_file(ChunkedEnhancer(Louder(tone=0.1)), *paths)
    assert bool(result.narrow) == narrow == ("4 kHz" in result.narrow)
    made = soundfile.read(paths[1], always_2d=True)[0]
    added = np.abs(made - 2 * signal)[200:-200].max()
    assert added < 2e-3 if narrow else added > 0.09


@pytest.mark.parametrize("enhancer", [IDENTITY, CHUNKED])
def test_values_that_are_no_numbers_become_silence(paths, enhancer):
    signal = noise(2, 16000, 1)
    spoiled = signal.copy()
    spoiled[1000:1010], spoiled[9000] = np.nan, np.inf
    soundfile.write(paths[0], spoiled, 16000, "FLOAT")
    assert enhance_file(enhancer, *paths)[:2] == (2.0, 11)
    signal[1000:1010] = signal[9000] = 0
    made = soundfile.read(paths[1], always_2d=True)[0]
    assert np.abs(made - signal).max() < 2e-3


class Broken(nn.Module):
    """Returns no numbers."""

    def forward(self, waveform):
        return waveform / 0


def test_a_model_that_is_broken_leaves_no_file(paths):
    soundfile.write(paths[0], noise(5, 16000, 1), 16000)
    with pytest.raises(ValueError):
        enhance_file(ChunkedEnhancer(Broken()), *paths)
    assert not list(paths[1].parent.iterdir())


def test_hours_need_no_more_memory_than_minutes(paths):
    soundfile.write(paths[0], np.zeros((600 * 8000, 4), np.int16), 8000)
    with soundfile.SoundFile(paths[0]) as file:
        read = [block.size for block in read_blocks(file)]
        file.seek(0)
        blocks = enhance_blocks(CHUNKED, read_blocks(file), 8000, 4)
        made = [block.size for block in blocks]
    assert sum(read) == sum(made) == 4 * 600 * 8000
    assert max(read) <= BLOCK_VALUES and max(made) <= 4 * 60 * 8000


def test_pipes_in_and_out_with_a_wrong_length_in_the_header(paths):
    wav, signal = io.BytesIO(), noise(1, 44100, 2, band=0.3)
    soundfile.write(wav, signal, 44100, "PCM_16", format="WAV")
    content = bytearray(wav.getvalue())
    size = content.index(b"data") + 4
    for promised in (UNKNOWN_SIZE, 0x7FFFF000):  # ffmpeg's and sox's
        content[size : size + 4] = promised.to_bytes(4, "little")
        output = io.BytesIO()
        result = enhance_file(IDENTITY, io.BytesIO(content), output)
        assert result == Enhanced(1.0, 0)
        output.seek(0)
        made, rate = soundfile.read(output)
        assert rate == 44100 and np.abs(made - signal).max() < 2e-3
    enhance_file(IDENTITY, io.BytesIO(content), paths[1], "flac")
    assert soundfile.info(paths[1]).format == "FLAC"


def test_no_audio_in_a_pipe_sends_nothing_out():
    output = io.BytesIO()
    with pytest.raises(ValueError):
        enhance_file(IDENTITY, io.BytesIO(b"no sound"), output)
    assert output.getvalue() == b""
