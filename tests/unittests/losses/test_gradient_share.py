"""A loss gets the share of the student's gradient that was asked for."""

import math

import pytest
import torch
from cases import LOSSES, signals, supervised

from dispatch_sb.losses.gradient_share import at_gradient_share


def both(enhanced):
    """Supervised and distillation loss of a batch."""
    return [
        loss(enhanced, *signals()[1:])
        for loss in (supervised, LOSSES["DFKD, top"])
    ]


def gradient(loss, enhanced):
    """What backward would hand to the student."""
    return torch.autograd.grad(loss, enhanced, retain_graph=True)[0]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_the_share_is_as_asked_at_every_scale_of_the_loss(share, scale):
    enhanced = signals()[0].requires_grad_()
    other, loss = both(enhanced)
    value, weight = at_gradient_share(scale * loss, other, enhanced, share)
    own, g_s = gradient(value, enhanced), gradient(other, enhanced)
    measured = own.norm() / (own.norm() + g_s.norm())
    assert measured.item() == pytest.approx(share, abs=1e-5)
    assert value.equal(weight * (scale * loss)) and not weight.requires_grad
    torch.testing.assert_close(own, weight * scale * gradient(loss, enhanced))


def test_the_student_is_passed_backwards_once():
    layer = torch.nn.Conv1d(1, 1, 9, padding=4)
    calls = []
    layer.register_full_backward_hook(lambda *given: calls.append(given))
    enhanced = layer(signals()[0][:, None].requires_grad_())[:, 0]
    other, loss = both(enhanced)
    value, weight = at_gradient_share(loss, other, enhanced, 0.3)
    assert not calls
    expected = gradient(other + weight * loss, layer.weight)
    calls.clear()
    (other + value).backward()
    assert len(calls) == 1
    torch.testing.assert_close(layer.weight.grad, expected)


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf])
def test_a_loss_without_a_usable_gradient_counts_nothing(factor):
    enhanced = torch.randn(2, 100, requires_grad=True)
    loss = factor * enhanced.square().sum()
    value, weight = at_gradient_share(loss, enhanced.sum(), enhanced, 0.5)
    assert value == 0 and weight == 0
    assert not gradient(value, enhanced).any()


@pytest.mark.parametrize("part", ["supervised", "distillation"])
def test_losses_of_something_else_are_refused(part):
    enhanced, other = torch.randn(2, 1, 9, requires_grad=True).unbind()
    losses = {"supervised": enhanced.sum(), "distillation": enhanced.sum()}
    for wrong in (other.sum(), torch.zeros(())):
        losses[part] = wrong
        with pytest.raises(ValueError, match=part):
            at_gradient_share(*reversed(losses.values()), enhanced, 0.5)
