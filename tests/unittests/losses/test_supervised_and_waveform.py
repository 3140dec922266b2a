"""The loss against clean speech and the terms without patches."""

import pytest
import torch
from cases import signals

from dispatch_sb.losses import (
    EnhancementLoss,
    MultiResolutionSTFT,
    SISDRLoss,
    WaveformL1,
)


def complex_spectrum(signal):
    """Complex `[batch, bins, frames]` by torch.stft."""
    window = torch.hann_window(512, dtype=signal.dtype)
    return torch.stft(signal, 512, 128, window=window, return_complex=True)


def test_enhancement_loss_is_its_formula():
    student, _, clean = (x.double() for x in signals())
    total, terms = EnhancementLoss(0.3, 0.2, 0.5)(student, clean)
    a, b = complex_spectrum(student), complex_spectrum(clean)
    a, b = (x / x.abs() * (x.abs() + 1e-4) ** 0.3 for x in (a, b))
    expected = {
        "magnitude": (a.abs() - b.abs()).square().mean(),
        "waveform": (student - clean).abs().mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    # The floor bends the phase of the weakest bins alone.
    squared = (a - b).abs().square().mean()
    torch.testing.assert_close(terms["complex"], squared, rtol=1e-3, atol=0)
    weighted = 0.3 * terms["magnitude"] + 0.2 * terms["complex"]
    torch.testing.assert_close(total, weighted + 0.5 * terms["waveform"])


def test_enhancement_loss_leads_to_the_clean_speech():
    student, _, clean = signals()
    student.requires_grad_()
    clean.requires_grad_()
    loss = EnhancementLoss()
    optimizer = torch.optim.Adam([student], lr=1e-3)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        total, terms = loss(student, clean)
        total.backward()
        optimizer.step()
        values.append(total.item())
    assert values[-1] < 0.5 * values[0]
    assert clean.grad is None
    assert not any(term.requires_grad for term in terms.values())
    total, terms = loss(clean, clean)
    assert total == 0 and all(term == 0 for term in terms.values())


def test_enhancement_loss_takes_uneven_shapes_for_an_error():
    with pytest.raises(ValueError, match="999"):
        EnhancementLoss()(torch.zeros(1, 1000), torch.zeros(1, 999))


def test_si_sdr_in_decibels():
    torch.manual_seed(0)
    target = torch.randn(2, 4000, dtype=torch.float64)
    target -= target.mean(1, keepdim=True)
    error = torch.randn_like(target)
    error -= error.mean(1, keepdim=True)
    projection = (error * target).sum(1) / target.square().sum(1)
    error -= projection[:, None] * target
    error *= target.norm(dim=1, keepdim=True) / error.norm(dim=1, keepdim=True)
    ratio = torch.tensor([[10.0], [0.1]], dtype=torch.float64)
    estimate = 3.0 * (target + error / ratio) + 0.7
    value = SISDRLoss()(estimate, target, reduction="batch")
    expected = torch.tensor([-20.0, 20.0], dtype=torch.float64)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)
    assert SISDRLoss()(target, target) == pytest.approx(-80, abs=0.01)


def test_multi_resolution_is_its_formula():
    student, teacher, _ = (x.double() for x in signals())
    a, b = (complex_spectrum(x).abs() for x in (student, teacher))
    expected = (a - b).norm(dim=(1, 2)) / (b.norm(dim=(1, 2)) + 1e-4)
    logs = (a + 1e-4).log() - (b + 1e-4).log()
    expected = expected + logs.abs().mean(dim=(1, 2))
    value = MultiResolutionSTFT([512])(student, teacher, reduction="batch")
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    "term",
    [WaveformL1(), SISDRLoss(), MultiResolutionSTFT([64, 100])],
    ids=lambda term: type(term).__name__,
)
def test_gradients_of_terms(term):
    torch.manual_seed(0)
    estimate, target = torch.randn(2, 2, 300, dtype=torch.float64)
    lens = torch.tensor([1.0, 0.5], dtype=torch.float64)
    estimate.requires_grad_()
    target.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: term(x, target.detach(), lens), estimate, fast_mode=True
    )
    term(estimate, target, lens).backward()
    assert target.grad is None and not estimate.grad[1, 150:].any()
