"""Live enhancement: from a file, and from a sound card that is imitated.

Authors
 * The dispatch-sb contributors, 2026
"""

import builtins
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from stream_models import random_model, write_model_folder

from dispatch_sb import cli
from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.enhance.live_enhancer import LiveEnhancer
from dispatch_sb.enhance.live_figures import LiveFigures

RATE, HOP, LATENCY = 16000, 256, 512


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a model and a stereo file of one second."""
    monkeypatch.chdir(tmp_path)
    write_model_folder(random_model(), tmp_path / "model")
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((RATE + 77, 2))
    soundfile.write("noisy.wav", noise, RATE, "FLOAT")
    return tmp_path


def whole():
    """The mean of the file's channels, and what the model makes of it."""
    mono = soundfile.read("noisy.wav", dtype="float32")[0].mean(axis=1)
    with torch.no_grad():
        return mono, random_model()(torch.from_numpy(mono)[None])[0].numpy()


@pytest.mark.parametrize("block", [1, 100, 160, 256, 300, 512, 1000])
def test_every_block_finds_its_samples_after_the_stated_delay(block):
    model = random_model()
    live = LiveEnhancer(StreamingEnhancer(model), block)
    rng = np.random.default_rng(block)
    count = 3 if block > 500 else 2000 // block
    signal = rng.standard_normal(count * block).astype(np.float32)
    made = [live(part) for part in np.split(signal, count)]
    assert {len(part) for part in made} == {block}
    joined = np.concatenate([*made, live.finish()])
    with torch.no_grad():
        expected = model(torch.from_numpy(signal)[None])[0].numpy()
    assert len(joined) == live.delay + len(signal)
    assert not joined[: live.delay].any()
    np.testing.assert_allclose(joined[live.delay :], expected, atol=1e-5)
    assert live.latency == live.delay + block
    assert live.figures.blocks == count


def test_blocks_of_one_hop_have_the_latency_of_the_model():
    live = LiveEnhancer(StreamingEnhancer(random_model()))
    assert (live.block, live.latency) == (HOP, LATENCY)
    with pytest.raises(ValueError, match="block.* 0"):
        LiveEnhancer(StreamingEnhancer(random_model()), 0)


def test_figures_tell_times_levels_and_drops():
    figures = LiveFigures(block_seconds=0.01)
    for seconds in (0.001, 0.001, 0.004):
        figures.add(seconds, np.zeros(160), np.full(160, 10 ** (-30 / 20)))
    figures.dropped = 1
    for told in ("[..........] -99 dB", "[#####.....] -30 dB", "0.200"):
        assert told in figures.line()
    report = figures.report(latency=512, block=160, sample_rate=16000)
    for told in ("3 blocks", "10.0 ms", "1 dropped", "1.00 ms", "4.00 ms"):
        assert told in report
    assert "22.0 ms" in report and "32.0 ms" in report


def test_a_file_as_fast_as_it_goes(here, capsys):
    argv = ["live", "--model", "model", "--input", "noisy.wav", "--fast"]
    assert cli.main([*argv, "--output", "new/made.wav"]) == 0
    made, rate = soundfile.read("new/made.wav", dtype="float32")
    _, expected = whole()
    assert rate == RATE and made.shape == expected.shape
    np.testing.assert_allclose(made, expected.clip(-1, 1), atol=2**-15)
    shown = capsys.readouterr().out
    for told in ("63 blocks", "16.0 ms", "0 dropped", "32.0 ms"):
        assert told in shown
    assert cli.main([*argv, "--block-ms", "50"]) == 0
    shown = capsys.readouterr().out
    assert "21 blocks" in shown and "50.0 ms" in shown


def test_a_file_in_real_time(here):
    argv = ["live", "--model", "model", "--input", "noisy.wav"]
    began = time.monotonic()
    assert cli.main([*argv, "--output", "made.flac"]) == 0
    assert 1.0 <= time.monotonic() - began
    assert soundfile.info("made.flac").frames == RATE + 77


def test_a_file_of_another_rate_is_aligned(here):
    time_axis = np.arange(44100) / 44100
    chirp = np.sin(2 * np.pi * (200 + 800 * time_axis) * time_axis)
    soundfile.write("chirp.flac", 0.5 * chirp * np.hanning(44100), 44100)
    argv = ["live", "--model", "model", "--input", "chirp.flac", "--fast"]
    assert cli.main([*argv, "--output", "made.wav"]) == 0
    assert cli.main(["enhance", "chirp.flac", "e.wav", "--model", "model"]) == 0
    made, rate = soundfile.read("made.wav")
    expected = soundfile.read("e.wav")[0]
    assert (len(made), rate) == (16000, RATE)
    grid = np.arange(16000) * 44100 / 16000
    other = np.interp(grid, np.arange(44100), expected)
    assert np.corrcoef(made, other)[0, 1] > 0.99


class Flags:
    """PortAudio's status."""

    input_overflow = input_underflow = False
    output_overflow = output_underflow = False


def sound_card(monkeypatch, signal, lost=(), fails=False):
    """Puts a module in the place of sounddevice: its microphone hears a
    signal; returns what the loudspeaker played and how it was opened."""
    played, opened = [], {}

    class Stream:
        latency = (0.011, 0.022)
        active = True

        def __init__(self, callback, **options):
            if fails:
                raise card.PortAudioError("Invalid device")
            opened.update(options)
            self.callback = callback

        def __enter__(self):
            size = opened["blocksize"]
            buffer = np.zeros((size, 1), np.float32)  # reused, as they do
            for number in range(len(signal) // size):
                flags, out = Flags(), np.zeros((size, 1), np.float32)
                flags.output_underflow = number in lost
                buffer[:, 0] = signal[number * size :][:size]
                try:
                    self.callback(buffer, out, size, None, flags)
                except card.CallbackAbort:
                    break
                played.append(out[:, 0])
            self.active = False

        def __exit__(self, *_):
            return None

    card = types.ModuleType("sounddevice")
    card.Stream = Stream
    card.PortAudioError = type("PortAudioError", (Exception,), {})
    card.CallbackAbort = type("CallbackAbort", (Exception,), {})
    card.query_devices = lambda: "> 0 microphone\n< 1 loudspeaker"
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    return played, opened


def test_from_microphone_to_loudspeaker(here, monkeypatch, capsys):
    mono, expected = whole()
    played, opened = sound_card(monkeypatch, mono, lost={3, 40})
    argv = ["live", "--model", "model", "--microphone", "1"]
    argv += ["--loudspeaker", "USB", "--output", "heard.wav"]
    assert cli.main(argv) == 0
    assert opened["device"] == (1, "USB") and opened["channels"] == 1
    assert (opened["samplerate"], opened["blocksize"]) == (RATE, HOP)
    heard = np.concatenate(played)
    used = len(mono) // HOP * HOP
    assert len(heard) == used and not heard[:HOP].any()
    np.testing.assert_allclose(heard[HOP:], expected[: used - HOP], atol=1e-5)
    recorded = soundfile.read("heard.wav")[0]
    assert len(recorded) == used
    np.testing.assert_allclose(
        recorded[:-HOP], heard[HOP:].clip(-1, 1), atol=2**-15
    )
    shown = capsys.readouterr()
    for told in ("62 blocks", "2 dropped", "33.0 ms"):
        assert told in shown.out
    assert "headphones" in shown.err


def test_devices_are_listed_and_their_errors_explained(
    here, monkeypatch, capsys
):
    sound_card(monkeypatch, np.zeros(0), fails=True)
    assert cli.main(["live", "--list-devices"]) == 0
    assert "microphone" in capsys.readouterr().out
    assert cli.main(["live", "--model", "model", "--output", "o.wav"]) == 1
    shown = capsys.readouterr().err
    for told in ("16000 Hz", "Invalid device", "--list-devices"):
        assert told in shown
    assert not Path("o.wav").exists()


def test_an_error_while_sound_flows_ends_the_command(here, monkeypatch, capsys):
    def broken(self, samples):
        raise ValueError("out of order")

    sound_card(monkeypatch, np.zeros(RATE))
    monkeypatch.setattr(LiveEnhancer, "__call__", broken)
    assert cli.main(["live", "--model", "model"]) == 1
    assert "out of order" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, remedy",
    [
        (ImportError("no module"), 'pip install "dispatch-sb[live]"'),
        (OSError("PortAudio library not found"), "install libportaudio2"),
    ],
)
def test_what_is_missing_is_said(here, monkeypatch, capsys, error, remedy):
    def refuse(name, *arguments, **options):
        if name == "sounddevice":
            raise error
        return original(name, *arguments, **options)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert cli.main(["live", "--model", "model"]) == 1
    shown = capsys.readouterr().err
    assert remedy in shown and shown.count("\n") == 1
