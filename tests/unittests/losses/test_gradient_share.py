"""A loss gets the share of the student's gradient that was asked for."""

import math

import pytest
import torch
from cases import loss_of, signals

from dispatch_sb.losses import EnhancementLoss
from dispatch_sb.losses.gradient_share import at_gradient_share


def both(enhanced):
    """Supervised and distillation loss of a batch."""
    _, teacher, clean = signals()
    supervised, _ = EnhancementLoss()(enhanced, clean)
    return supervised, loss_of("DFKD", "top")(enhanced, teacher, clean)


def gradient(loss, enhanced):
    """What backward would hand to the student."""
    return torch.autograd.grad(loss, enhanced, retain_graph=True)[0]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_the_share_is_as_asked_at_every_scale_of_the_loss(share, scale):
    enhanced = signals()[0].requires_grad_()
    supervised, loss = both(enhanced)
    value, weight = at_gradient_share(scale * loss, supervised, enhanced, share)
    own, other = gradient(value, enhanced), gradient(supervised, enhanced)
    measured = own.norm() / (own.norm() + other.norm())
    assert measured.item() == pytest.approx(share, abs=1e-5)
    assert value.equal(weight * (scale * loss)) and not weight.requires_grad
    torch.testing.assert_close(own, weight * scale * gradient(loss, enhanced))


def test_the_student_is_passed_backwards_once():
    layer = torch.nn.Conv1d(1, 1, 9, padding=4)
    calls = []
    layer.register_full_backward_hook(lambda *given: calls.append(given))
    noisy = signals()[0][:, None].requires_grad_()
    enhanced = layer(noisy)[:, 0]
    supervised, loss = both(enhanced)
    value, weight = at_gradient_share(loss, supervised, enhanced, 0.3)
    assert not calls
    (supervised + value).backward()
    assert len(calls) == 1
    given = layer.weight.grad.clone()
    layer.zero_grad()
    supervised, loss = both(layer(noisy)[:, 0])
    (supervised + weight * loss).backward()
    torch.testing.assert_close(layer.weight.grad, given)


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf])
def test_a_loss_without_a_usable_gradient_counts_nothing(factor):
    enhanced = torch.randn(2, 100, requires_grad=True)
    loss = factor * enhanced.square().sum()
    value, weight = at_gradient_share(loss, enhanced.sum(), enhanced, 0.5)
    assert value == 0 and weight == 0
    assert not gradient(value, enhanced).any()


@pytest.mark.parametrize("part", ["supervised", "distillation"])
def test_losses_of_something_else_are_refused(part):
    enhanced, other = (torch.randn(1, 9, requires_grad=True) for _ in "ab")
    losses = {"supervised": enhanced.sum(), "distillation": enhanced.sum()}
    for wrong in (other.sum(), torch.zeros(())):
        losses[part] = wrong
        supervised, loss = losses["supervised"], losses["distillation"]
        with pytest.raises(ValueError, match=part):
            at_gradient_share(loss, supervised, enhanced, 0.5)
