"""The share of the way to the teacher: its values, and its blanks."""

import numpy as np
import pytest
from demo_signals import noise

from dispatch_sb.demo.followed import LITTLE, followed
from dispatch_sb.losses import (
    DFKD,
    ComplexL2,
    DistillationLoss,
    MagnitudeL1,
    TopGap,
)


def follow(loss, noisy, student, teacher):
    """Of three signals."""
    trio = {"noisy": noisy, "student": student, "teacher": teacher}
    return followed(loss, trio)


def shares_shown(*arguments):
    """All shares that the maps show, band after band."""
    maps = follow(*arguments).maps
    return np.concatenate([band.gap[band.candidate] for band in maps])


HOSTS = [ComplexL2(20), MagnitudeL1(20), DFKD(patch_bins=(10, 40))]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: type(host).__name__)
def test_at_the_teacher_it_is_one_and_at_the_input_zero(host):
    loss, noisy, teacher = DistillationLoss(host, TopGap()), noise(1), noise(2)
    arrived = shares_shown(loss, noisy, teacher, teacher)
    assert len(arrived) > 100 and np.allclose(arrived, 1)
    stayed = shares_shown(loss, noisy, noisy, teacher)
    assert len(stayed) == len(arrived) and np.allclose(stayed, 0)
    # A teacher that changed nothing leaves no patch and no share.
    found = follow(loss, noisy, teacher, noisy)
    assert not any(band.candidate.any() for band in found.maps)
    assert found.shares == {}


def test_a_share_is_what_its_definition_says():
    noisy, student, teacher = noise(1), noise(2), noise(3)
    loss = DistillationLoss(MagnitudeL1(20), n_fft=512, hop=128)
    (band,), shares = follow(loss, noisy, student, teacher)
    window = np.hanning(513)[:-1]
    start = 30 * 128 - 256  # frame 30 lies around its centre
    n, s, t = (
        np.abs(np.fft.rfft(x[start : start + 512] * window))[40:60]
        for x in (noisy, student, teacher)
    )
    expected = 1 - np.abs(s - t).mean() / np.abs(n - t).mean()
    assert band.gap[30, 2] == pytest.approx(expected, rel=1e-6)
    assert band.times[30] < 30 * 0.008 < band.times[31]
    # Of squared distances half of the way leaves a quarter.
    loss = DistillationLoss(ComplexL2(20))
    half = follow(loss, noisy, (noisy + teacher) / 2, teacher)
    assert half.shares == pytest.approx({"all": 0.75})
    away = shares_shown(loss, noisy, 2 * noisy - teacher, teacher)
    assert np.allclose(away, 1 - 4)


def test_patches_that_the_teacher_hardly_changed_are_blank():
    noisy = noise(1, 16000)
    teacher = noisy.copy()
    teacher[:8000] *= 1 - np.sqrt(LITTLE) / 10  # a hundredth of `LITTLE`
    teacher[8000:] *= 0.1
    loss = DistillationLoss(ComplexL2(20))
    (band,) = follow(loss, noisy, noise(2, 16000), teacher).maps
    middle = (band.times[:-1] + band.times[1:]) / 2
    assert not band.candidate[middle < 0.48].any()
    assert band.candidate[middle > 0.52].mean() > 0.9
    assert np.isfinite(band.gap).all()


def test_the_level_does_not_matter_to_a_loss_that_normalises():
    loss = DistillationLoss(HOSTS[2], normalize_level=True)
    trio = [noise(seed) for seed in range(3)]
    shares = follow(loss, *(0.01 * signal for signal in trio)).shares
    assert shares == pytest.approx(follow(loss, *trio).shares, rel=1e-6)
