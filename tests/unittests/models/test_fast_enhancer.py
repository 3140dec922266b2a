"""FastEnhancer: shapes, causality, memory, published sizes."""

import pytest
import torch
from torch import nn
from trained_models import trained_like

from dispatch_sb.models import FastEnhancer
from dispatch_sb.models.spectrum import CausalSTFT


@pytest.fixture
def model():
    """The smallest of the published sizes."""
    return trained_like(FastEnhancer.from_size("T"))


@pytest.mark.parametrize("hop", [100, 128, 160, 256])
def test_the_transform_reconstructs_exactly(hop):
    """Analysis, then synthesis, is the identity, edges included."""
    waveform = torch.randn(2, 5003)
    stft = CausalSTFT(512, hop)
    torch.testing.assert_close(
        stft.inverse(stft(waveform), 5003), waveform, atol=1e-5, rtol=0
    )


def test_frames_one_at_a_time_equal_all_at_once(model):
    """The state carries everything from frame to frame."""
    spectrum = model.stft(0.1 * torch.randn(2, 8000))
    state = model.initial_state(2)
    with torch.no_grad():
        whole, last = model.enhance_spectrum(spectrum, state)
        parts = []
        for frame in spectrum.split(1, dim=-1):
            part, state = model.enhance_spectrum(frame, state)
            parts.append(part)
    torch.testing.assert_close(
        torch.cat(parts, dim=-1), whole, atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-4)


def test_folding_keeps_the_output(model):
    """Normalisations disappear into the layers; nothing else changes."""
    fused = model.fused()
    noisy = 0.1 * torch.randn(2, 8000)
    with torch.no_grad():
        torch.testing.assert_close(
            fused(noisy), model(noisy), atol=2e-5, rtol=1e-3
        )
    assert not any(isinstance(m, nn.BatchNorm1d) for m in fused.modules())


@pytest.mark.parametrize(
    "build, named",
    [
        (lambda: FastEnhancer.from_size("XL"), "T, B, S, M, L.*XL"),
        (lambda: FastEnhancer(block_channels=21), "block_channels.*21"),
        (lambda: CausalSTFT(512, hop=0), r"hop.*\b0\b"),
        (lambda: CausalSTFT(512, hop=257), r"hop.*\b257\b"),
    ],
)
def test_what_cannot_be_built_is_refused(build, named):
    with pytest.raises(ValueError, match=named):
        build()
