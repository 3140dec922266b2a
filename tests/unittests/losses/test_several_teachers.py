"""Several teachers: in every patch the one with the largest gap is followed."""

import pytest
import torch
from cases import signals

from dispatch_sb.losses import (
    DFKD,
    DistillationLoss,
    MagnitudeL2,
    OutputDistillation,
    PositiveGap,
    TopGap,
    WaveformL1,
)

HOSTS = [DFKD(), MagnitudeL2((10, 40), band_edges_hz=(2000,))]
LENS = torch.tensor([1.0, 0.6, 0.9])


def three():
    """Student, clean speech, and two teachers that are good in turns."""
    student, teacher, clean = signals()
    other = clean + 0.5 * (student - clean).roll(7, 1)
    return student, clean, [teacher, other]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("rule", [None, TopGap(0.8), PositiveGap()])
def test_one_teacher_twice_is_one_teacher(host, rule):
    student, clean, (teacher, _) = three()
    loss = DistillationLoss(host, rule)
    once = loss(student, teacher, clean, LENS)
    twice = loss(student, torch.stack([teacher] * 2, dim=1), clean, LENS)
    torch.testing.assert_close(twice, once)


@pytest.mark.parametrize("host", HOSTS)
def test_each_patch_follows_the_larger_gap(host):
    student, clean, teachers = three()
    loss = DistillationLoss(host, TopGap(0.5))
    alone = [
        loss(student, teacher, clean, LENS, return_detail=True)[1]
        for teacher in teachers
    ]
    _, both = loss(
        student, torch.stack(teachers, 1), clean, LENS, return_detail=True
    )
    for name, maps in both.items():
        gaps = torch.stack([one[name]["gap"] for one in alone])
        outside = torch.stack([~one[name]["candidate"] for one in alone])
        gaps = gaps.masked_fill(outside, -torch.inf)
        candidate = gaps.amax(0) > -torch.inf
        assert torch.equal(maps["candidate"], candidate)
        assert torch.equal(maps["gap"][candidate], gaps.amax(0)[candidate])
        assert torch.equal(maps["teacher"], gaps.argmax(0))
        assert 0 < maps["teacher"].float().mean() < 1


def test_the_distance_is_that_to_the_teacher_that_is_followed():
    student, clean, teachers = three()
    loss = DistillationLoss(MagnitudeL2(257), None)
    given = student.clone().requires_grad_()
    value, detail = loss(
        given, torch.stack(teachers, 1), clean, return_detail=True
    )
    which = detail["all"]["teacher"][:, :, 0]
    frames = torch.full((3,), which.shape[1])
    planes = []
    for teacher in teachers:
        spectra = loss._spectra(student, None, [teacher], None)
        ((_, plane, _),) = loss.host(
            spectra[0], spectra[2], None, frames, 16000, 512
        )
        planes.append(plane[:, :, 0])
    expected = torch.where(which == 0, *planes).mean()
    torch.testing.assert_close(value, expected)
    value.backward()
    assert given.grad.isfinite().all()


def test_teachers_of_another_length_are_refused():
    student, clean, teachers = three()
    stacked = torch.stack(teachers, 1)[:, :, 1:]
    with pytest.raises(ValueError, match="6399"):
        DistillationLoss(DFKD())(student, stacked, clean)


def test_shares_count_the_selected_patches():
    student, clean, teachers = three()
    loss = DistillationLoss(MagnitudeL2(), TopGap(0.5))
    stacked = torch.stack([*teachers, student], 1)
    _, detail = loss(student, stacked, clean, LENS, return_detail=True)
    maps = detail["all"]
    shares = maps["followed_share"]
    assert shares.shape == (3, 3) and not shares[:, 2].any()
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    for row, which, weight in zip(shares, maps["teacher"], maps["selected"]):
        chosen = which[weight > 0]
        assert row[0] == pytest.approx((chosen == 0).float().mean().item())


def test_a_loss_on_waveforms_takes_the_mean_of_the_distances():
    student, clean, teachers = three()
    loss = OutputDistillation(WaveformL1())
    each = [loss(student, one, clean, LENS) for one in teachers]
    both = loss(student, torch.stack(teachers, 1), clean, LENS)
    torch.testing.assert_close(both, sum(each) / 2)
