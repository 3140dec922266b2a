"""Live enhancement: from a file, and from a sound card that is imitated.

Authors
 * The dispatch-sb contributors, 2026
"""

import builtins
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from stream_models import identity_model, noise, random_model

from dispatch_sb import cli
from dispatch_sb.data import resample
from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.enhance.live_enhancer import LiveEnhancer
from dispatch_sb.pretrained import save

RATE, HOP = 16000, 256
LIVE = ["live", "--model", "model"]
FILE = [*LIVE, "--input", "noisy.wav"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a model and a stereo file of one second."""
    monkeypatch.chdir(tmp_path)
    save(random_model(), tmp_path / "model", "# Model")
    signal = 0.1 * np.random.default_rng(0).standard_normal((RATE + 77, 2))
    soundfile.write("noisy.wav", signal, RATE, "FLOAT")
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


@torch.no_grad()
def enhanced(signal):
    """What the model makes of all of it."""
    return random_model()(torch.from_numpy(signal)[None])[0].numpy()


def mono():
    """The mean of the file's channels."""
    return soundfile.read("noisy.wav", dtype="float32")[0].mean(axis=1)


@pytest.mark.parametrize("block", [1, 100, 160, 256, 300, 512, 1000, None])
def test_every_block_finds_its_samples_after_the_stated_delay(block):
    live = LiveEnhancer(StreamingEnhancer(random_model()), block)
    if block is None:
        assert (live.block, live.latency) == (HOP, 2 * HOP)
    assert live.latency == live.delay + live.block
    signal = noise(0.13, RATE, 1)[:, 0]
    parts = np.split(signal, range(live.block, len(signal), live.block))
    made = [live(part) for part in parts]
    whole = len(parts) - 1  # the last one may be shorter
    assert {len(part) for part in made[:whole]} == {live.block}
    joined = np.concatenate([*made, live.finish()])
    assert not joined[: live.delay].any()
    expected = enhanced(signal)
    np.testing.assert_allclose(joined[live.delay :], expected, atol=1e-5)
    with pytest.raises(ValueError, match="0"):
        LiveEnhancer(live.enhancer, 0)


def test_figures_tell_times_levels_and_drops():
    live = LiveEnhancer(StreamingEnhancer(random_model()), 160)
    live(np.full(160, 10 ** (-29 / 20), np.float32))  # zeros come out first
    live.dropped, live.times = 1, [0.001, 0.001, 0.004]
    for told in ("[#####.....] -29 dB", "[..........] -99 dB", "0.200"):
        assert told in live.line()
    for told in ("1 blocks", "1 dropped", "1.00 ms", "4.00 ms", "10.0 ms"):
        assert told in live.report()
    for samples in (live.delay, live.latency):
        assert f"{samples / 16:.1f} ms" in live.report()


def test_samples_that_clip_are_told():
    live = LiveEnhancer(StreamingEnhancer(identity_model(), keep=0))
    for level in (0.9, 1.1, 0.9):
        live(np.full(HOP, level, np.float32))
    assert f" {HOP} samples" in live.report()


def test_a_file_as_fast_as_it_goes(here, capsys):
    assert cli.main([*FILE, "--fast", "--output", "new/made.wav"]) == 0
    made, rate = soundfile.read("new/made.wav", dtype="float32")
    expected = enhanced(mono()).clip(-1, 1)
    assert rate == RATE and made.shape == expected.shape
    np.testing.assert_allclose(made, expected, atol=2**-15)
    shown = capsys.readouterr()
    for told in ("63 blocks", "16.0 ms", "0 dropped", "32.0 ms"):
        assert told in shown.out
    assert "63 blocks" in shown.err  # the last state of the line
    assert cli.main([*FILE, "--fast", "--block-ms", "50"]) == 0
    shown = capsys.readouterr().out
    assert "21 blocks" in shown and "50.0 ms" in shown


def test_a_file_of_another_rate_in_real_time(here):
    soundfile.write("noisy.wav", noise(1, 44100, 2), 44100)
    began = time.monotonic()
    assert cli.main([*FILE, "--output", "made.flac"]) == 0
    assert 1.0 <= time.monotonic() - began
    made, rate = soundfile.read("made.flac", dtype="float32")
    expected = enhanced(resample(mono(), 44100, RATE))
    assert rate == RATE
    np.testing.assert_allclose(made, expected.clip(-1, 1), atol=1e-3)


def test_a_narrow_band_file_is_noted(here, capsys):
    soundfile.write("noisy.wav", np.zeros(800), 8000)
    assert cli.main([*FILE, "--fast"]) == 0
    shown = capsys.readouterr().err
    assert shown.count("noisy.wav is narrow band") == 1 and "4 kHz" in shown


class SoundCard:
    """In the place of the module sounddevice; its microphone hears a signal,
    and it tells of some blocks that samples were lost."""

    PortAudioError = type("PortAudioError", (Exception,), {})
    CallbackAbort = type("CallbackAbort", (Exception,), {})
    latency, active = (0.011, 0.022), False
    __enter__ = __exit__ = lambda *_: None

    def __init__(self, signal, lost=()):
        self.signal, self.lost, self.played = signal, lost, []

    def query_devices(self):
        return "> 0 microphone\n< 1 loudspeaker"

    def Stream(self, callback, **options):
        if self.signal is None:
            raise self.PortAudioError("Invalid device")
        self.options, size = options, options["blocksize"]
        buffer = np.zeros((size, 1), np.float32)  # reused, as they do
        for number in range(len(self.signal) // size):
            out = np.zeros((size, 1), np.float32)
            buffer[:, 0] = self.signal[number * size :][:size]
            try:
                callback(buffer, out, size, None, number in self.lost)
            except self.CallbackAbort:
                break
            self.played.append(out[:, 0])
        return self


def test_from_microphone_to_loudspeaker(here, monkeypatch, capsys):
    signal = mono()
    expected = enhanced(signal)
    card = SoundCard(signal, lost={3, 40})
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    argv = [*LIVE, "--microphone", "1", "--loudspeaker", "USB"]
    assert cli.main([*argv, "--output", "heard.wav"]) == 0
    expected_options = dict(
        device=(1, "USB"), channels=1, samplerate=RATE, blocksize=HOP
    )
    assert expected_options.items() <= card.options.items()
    heard = np.concatenate(card.played)
    used = len(signal) // HOP * HOP
    assert len(heard) == used and not heard[:HOP].any()
    np.testing.assert_allclose(heard[HOP:], expected[: used - HOP], atol=1e-5)
    recorded = soundfile.read("heard.wav")[0]
    assert len(recorded) == used
    clipped = heard[HOP:].clip(-1, 1)
    np.testing.assert_allclose(recorded[:-HOP], clipped, atol=2**-15)
    shown = capsys.readouterr().out
    for told in ("62 blocks", "2 dropped", "33.0 ms"):
        assert told in shown


def test_devices_are_listed_and_their_errors_explained(
    here, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "sounddevice", SoundCard(None))
    assert cli.main(["live", "--list-devices"]) == 0
    assert "microphone" in capsys.readouterr().out
    assert cli.main([*LIVE, "--output", "o.wav"]) == 1
    shown = capsys.readouterr().err
    for told in ("16000 Hz", "Invalid device", "--list-devices"):
        assert told in shown
    assert not Path("o.wav").exists()


def test_an_error_while_sound_flows_ends_the_command(here, monkeypatch, capsys):
    def broken(self, samples):
        if self.blocks == 2:
            raise ValueError("out of order")
        return original(self, samples)

    original = LiveEnhancer.__call__
    monkeypatch.setitem(sys.modules, "sounddevice", SoundCard(np.zeros(RATE)))
    monkeypatch.setattr(LiveEnhancer, "__call__", broken)
    assert cli.main([*LIVE, "--output", "o.wav"]) == 1
    assert "out of order" in capsys.readouterr().err
    assert soundfile.info("o.wav").frames == 2 * HOP  # what was heard


@pytest.mark.parametrize(
    "error, remedy",
    [
        (ImportError("no module"), 'pip install "dispatch-sb[live]"'),
        (OSError("PortAudio library not found"), "libportaudio2"),
    ],
)
def test_what_is_missing_is_said(here, monkeypatch, capsys, error, remedy):
    def refuse(name, *arguments, **options):
        if name == "sounddevice":
            raise error
        return original(name, *arguments, **options)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert cli.main(LIVE) == 1
    shown = capsys.readouterr().err
    assert remedy in shown and shown.count("\n") == 1
