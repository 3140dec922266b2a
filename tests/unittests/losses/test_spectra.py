"""Spectra: the same as torch's, forward and backward, at each own length."""

import pytest
import torch

from dispatch_sb.losses.spectra import to_spectrum


def torch_spectrum(waveform, n_fft, hop):
    """Complex `[batch, frames, bins]` by torch.stft."""
    window = torch.hann_window(n_fft, dtype=waveform.dtype)
    return torch.stft(
        waveform, n_fft, hop, window=window, return_complex=True
    ).transpose(1, 2)


@pytest.mark.parametrize("n_fft, hop", [(512, 128), (64, 24), (33, 10)])
def test_equals_torch_forward_and_backward(n_fft, hop):
    torch.manual_seed(0)
    signal = torch.randn(2, 1000, dtype=torch.float64, requires_grad=True)
    ours = to_spectrum(signal, n_fft=n_fft, hop=hop)
    theirs = torch_spectrum(signal, n_fft, hop)
    sizes = theirs.abs()
    theirs = (theirs.real, theirs.imag, sizes, sizes.square())
    weights = [torch.randn_like(plane) for plane in ours]
    gradients = []
    for planes in (ours, theirs):
        value = sum((p * w).sum() for p, w in zip(planes, weights))
        gradients += torch.autograd.grad(value, signal)
    for mine, torchs in zip(ours, theirs):
        torch.testing.assert_close(mine, torchs)
    torch.testing.assert_close(*gradients)


def test_a_spectrum_times_itself_has_the_bits_of_its_energy():
    torch.manual_seed(0)
    spectrum = to_spectrum(torch.randn(4, 16000))
    assert torch.equal(spectrum.product(spectrum), spectrum.energy)


def test_gradcheck():
    torch.manual_seed(0)
    signal = torch.randn(2, 30, dtype=torch.float64, requires_grad=True)
    samples = torch.tensor([30, 19])
    assert torch.autograd.gradcheck(
        lambda x: tuple(to_spectrum(x, samples, n_fft=16, hop=5)), signal
    )


def test_silence_has_zero_gradient():
    signal = torch.zeros(1, 600, requires_grad=True)
    (1e9 * to_spectrum(signal).magnitude).sum().backward()
    assert torch.equal(signal.grad, torch.zeros_like(signal))


@pytest.mark.parametrize("length", [1, 2, 200, 256, 257, 640, 1000])
def test_each_row_is_as_if_alone(length):
    torch.manual_seed(0)
    signal = torch.randn(2, 1000, dtype=torch.float64)
    cut = signal[1:, :length].clone()
    signal[1, length:] = float("nan")
    rows = to_spectrum(signal, torch.tensor([1000, length]))
    frames = length // 128 + 1
    alone = to_spectrum(cut, torch.tensor([length]))
    for batched, single in zip(rows, alone):
        torch.testing.assert_close(batched[1:, :frames], single)
        assert torch.equal(
            batched[1, frames:], torch.zeros_like(batched[1, frames:])
        )
    if length > 256:  # torch.stft can reflect no shorter signal
        theirs = torch_spectrum(cut, 512, 128)
        torch.testing.assert_close(alone.magnitude, theirs.abs())
