"""Work that losses share: done once, never mistaken for other work."""

import pytest
import torch
from cases import signals

from dispatch_sb.losses import DFKD, DistillationLoss, EnhancementLoss, TopGap
from dispatch_sb.losses.gradient_share import at_gradient_share
from dispatch_sb.losses.once import shared_work
from dispatch_sb.losses.spectra import to_spectrum


def total_and_gradient(lens, total):
    """Both losses of a batch as the Brain adds them, and the transforms."""
    student, teacher, clean = signals()
    student.requires_grad_()
    supervised, _ = EnhancementLoss()(student, clean, lens)
    compare = DistillationLoss(DFKD(patch_bins=(10, 40)), TopGap(0.8))
    distance = compare(student, teacher, clean, lens)
    value, _ = at_gradient_share(distance, supervised, student, 0.6, total)
    value = value if total else value + supervised
    return value.detach(), *torch.autograd.grad(value, student)


@pytest.mark.parametrize("lens", [None, torch.tensor([1.0, 0.6, 0.8])])
def test_sharing_changes_no_loss_and_no_gradient(lens, monkeypatch):
    transform, calls = torch.fft.rfft, []
    monkeypatch.setattr(
        torch.fft, "rfft", lambda x: (calls.append(1), transform(x))[1]
    )
    expected = total_and_gradient(lens, total=False)
    alone = len(calls)
    with shared_work():
        shared = total_and_gradient(lens, total=True)
    for value, other in zip(expected, shared):
        torch.testing.assert_close(value, other)
    # Student, teacher and clean speech, once each.
    assert (alone, len(calls) - alone) == (5, 3)


def test_what_has_changed_is_computed_anew():
    signal = torch.rand(1, 1000)
    with shared_work():
        before = to_spectrum(signal)
        assert to_spectrum(signal) is before
        assert to_spectrum(signal, n_fft=256) is not before
        signal *= 2
        torch.testing.assert_close(to_spectrum(signal).real, 2 * before.real)
        with torch.no_grad():
            assert not to_spectrum(signal.requires_grad_()).real.requires_grad
        assert to_spectrum(signal).real.requires_grad
    assert to_spectrum(signal) is not to_spectrum(signal)
