"""The loss against clean speech and the terms without patches: their formulas.
What holds for every loss is tested there."""

import pytest
import torch
from cases import signals

from dispatch_sb.losses import EnhancementLoss, MultiResolutionSTFT, SISDRLoss


def complex_spectrum(signal):
    """Complex `[batch, bins, frames]` by torch.stft."""
    window = torch.hann_window(512, dtype=signal.dtype)
    return torch.stft(signal, 512, 128, window=window, return_complex=True)


def test_enhancement_loss_is_its_formula():
    student, _, clean = (x.double() for x in signals())
    student.requires_grad_()
    total, terms = EnhancementLoss(0.3, 0.2, 0.5)(student, clean)
    a, b = complex_spectrum(student), complex_spectrum(clean)
    a, b = (x / x.abs() * (x.abs() + 1e-4) ** 0.3 for x in (a, b))
    expected = {
        "magnitude": (a.abs() - b.abs()).square().mean(),
        "complex": (a - b).abs().square().mean(),
        "waveform": (student - clean).abs().mean(),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        # The floor bends the phase of the weakest bins.
        tolerance = 1e-3 if name == "complex" else 1e-7
        torch.testing.assert_close(terms[name], value, rtol=tolerance, atol=0)
        assert not terms[name].requires_grad
    weighted = 0.3 * terms["magnitude"] + 0.2 * terms["complex"]
    torch.testing.assert_close(total, weighted + 0.5 * terms["waveform"])


def test_clean_speech_costs_nothing():
    _, _, clean = signals()
    total, terms = EnhancementLoss()(clean, clean)
    assert total == 0 and all(term == 0 for term in terms.values())
    assert MultiResolutionSTFT()(clean, clean) == 0
    assert SISDRLoss()(clean, clean) == pytest.approx(-80, abs=0.01)


def test_si_sdr_in_decibels():
    """Of orthogonal parts; neither scale nor mean matter."""
    time = torch.arange(4000, dtype=torch.float64) / 16000
    target = torch.sin(2 * torch.pi * 100 * time).expand(2, -1)
    error = torch.sin(2 * torch.pi * 300 * time)
    ratio = torch.tensor([[10.0], [0.1]], dtype=torch.float64)
    estimate = 3.0 * (target + error / ratio) + 0.7
    value = SISDRLoss()(estimate, target, reduction="batch")
    expected = torch.tensor([-20.0, 20.0], dtype=torch.float64)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)


def test_multi_resolution_is_its_formula():
    student, teacher, _ = (x.double() for x in signals())
    a, b = (complex_spectrum(x).abs() for x in (student, teacher))
    expected = (a - b).norm(dim=(1, 2)) / (b.norm(dim=(1, 2)) + 1e-4)
    logs = (a + 1e-4).log() - (b + 1e-4).log()
    expected = expected + logs.abs().mean(dim=(1, 2))
    value = MultiResolutionSTFT([512])(student, teacher, reduction="batch")
    torch.testing.assert_close(value, expected)
    both = MultiResolutionSTFT([512, 300])(student, teacher, reduction="batch")
    other = MultiResolutionSTFT([300])(student, teacher, reduction="batch")
    torch.testing.assert_close(both, (value + other) / 2)
