"""The step that is exported gives what the whole model gives."""

from functools import partial

import pytest
import torch
from torch import nn
from trained_models import trained_like

from dispatch_sb.models import DCCRN, ConvTasNet, FastEnhancer
from dispatch_sb.models.real_fourier import RealFourier


def stream(step, waveform):
    """All of a waveform through the step, the beginning dropped."""
    state, hops = step.initial_state().values(), []
    for hop in waveform.split(step.hop, dim=1):
        enhanced, *state = step(hop, *state)
        hops.append(enhanced)
    return torch.cat(hops, dim=1)[:, step.latency - step.hop :]


@pytest.mark.parametrize(
    "build",
    [
        partial(FastEnhancer, hop=160, blocks=3, depth=3),
        partial(FastEnhancer, hop=100, channels=12, block_channels=24, heads=2),
        partial(
            FastEnhancer, n_fft=320, hop=80, block_bins=7, sample_rate=8000
        ),
        partial(FastEnhancer, blocks=1, heads=1),
        *(partial(FastEnhancer.from_size, x) for x in FastEnhancer.SIZES),
        partial(DCCRN.from_size, "small"),
        partial(ConvTasNet.from_size, "small", causal=True),
    ],
)
def test_hop_by_hop_equals_the_whole_waveform(build):
    torch.manual_seed(0)
    model = trained_like(build())
    step = model.step()
    noisy = 0.1 * torch.randn(1, 24 * step.hop)
    with torch.no_grad():
        expected, actual = model(noisy), stream(step, noisy)
    assert (expected - noisy).abs().max() > 0.01  # the network does something
    # Without its memory, the output would be another by 17e-6 at least.
    torch.testing.assert_close(
        actual, expected[:, : actual.shape[1]], rtol=0, atol=5e-6
    )


def test_silence_stays_silent():
    step = FastEnhancer().step()
    assert not stream(step, torch.zeros(1, 1024)).any()


def test_the_model_is_left_alone():
    model = FastEnhancer().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    stream(model.step(), torch.randn(1, 512))
    assert model.training and all(p.requires_grad for p in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("length", [2, 8, 24, 200, 320, 512, 1000])
def test_the_transform_is_fourier_s(length):
    torch.manual_seed(0)
    frame = torch.randn(1, length)
    fourier = RealFourier(length)
    expected = torch.fft.rfft(frame.double())[:, :-1]
    spectrum = fourier(frame)
    torch.testing.assert_close(
        torch.complex(*spectrum.double().unbind(1)),
        expected,
        rtol=0,
        atol=1e-4,
    )
    # torch's inverse of the same spectrum with a highest bin of zero
    without = nn.functional.pad(expected, (0, 1))
    torch.testing.assert_close(
        fourier.inverse(spectrum).double(),
        torch.fft.irfft(without, n=length),
        rtol=0,
        atol=1e-5,
    )
