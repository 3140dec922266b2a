"""The share of the way to the teacher: its values, and its blanks."""

import numpy as np
import pytest

from dispatch_sb.demo.followed import LITTLE, followed
from dispatch_sb.losses import DFKD, ComplexL2, DistillationLoss, MagnitudeL1


def noise(seed, samples=8000):
    """White noise `[samples]`."""
    return 0.1 * np.random.default_rng(seed).standard_normal(samples)


def shares_shown(loss, noisy, student, teacher):
    """All shares that a map shows, band after band."""
    signals = {"noisy": noisy, "student": student, "teacher": teacher}
    maps = followed(loss, signals).maps
    return np.concatenate([band.gap[band.candidate] for band in maps])


HOSTS = [ComplexL2(20), MagnitudeL1(20), DFKD(patch_bins=(10, 40))]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: type(host).__name__)
def test_at_the_teacher_it_is_one_and_at_the_input_zero(host):
    loss, noisy, teacher = DistillationLoss(host), noise(1), noise(2)
    arrived = shares_shown(loss, noisy, teacher, teacher)
    assert len(arrived) > 100 and np.allclose(arrived, 1)
    stayed = shares_shown(loss, noisy, noisy, teacher)
    assert len(stayed) == len(arrived) and np.allclose(stayed, 0)


def test_half_of_the_way_leaves_a_quarter_of_a_squared_distance():
    noisy, teacher = noise(1), noise(2)
    loss = DistillationLoss(ComplexL2(20))
    half = shares_shown(loss, noisy, (noisy + teacher) / 2, teacher)
    assert np.allclose(half, 0.75)
    away = shares_shown(loss, noisy, 2 * noisy - teacher, teacher)
    assert np.allclose(away, 1 - 4)


def test_a_share_is_what_its_definition_says():
    noisy, student, teacher = noise(1), noise(2), noise(3)
    loss = DistillationLoss(MagnitudeL1(20), n_fft=512, hop=128)
    signals = {"noisy": noisy, "student": student, "teacher": teacher}
    band = followed(loss, signals).maps[0]
    window = np.hanning(513)[:-1]
    start = 30 * 128 - 256  # frame 30 lies around its centre
    n, s, t = (
        np.abs(np.fft.rfft(x[start : start + 512] * window))[40:60]
        for x in (noisy, student, teacher)
    )
    expected = 1 - np.abs(s - t).mean() / np.abs(n - t).mean()
    assert band.gap[30, 2] == pytest.approx(expected, rel=1e-6)
    assert band.times[30] < 30 * 0.008 < band.times[31]


def test_what_the_teacher_left_alone_is_blank():
    noisy, student = noise(1, 16000), noise(2, 16000)
    teacher = noisy.copy()
    teacher[8000:] *= 0.1
    loss = DistillationLoss(ComplexL2(20))
    signals = {"noisy": noisy, "student": student, "teacher": teacher}
    (band,) = followed(loss, signals).maps
    middle = (band.times[:-1] + band.times[1:]) / 2
    assert not band.candidate[middle < 0.48].any()
    assert band.candidate[middle > 0.52].mean() > 0.95
    assert np.isfinite(band.gap).all()


def test_little_is_relative_to_what_the_teacher_did_elsewhere():
    noisy = noise(1, 16000)
    teacher = noisy.copy()
    teacher[:8000] *= 1 - np.sqrt(LITTLE) / 10  # a hundredth of `LITTLE`
    teacher[8000:] *= 0
    loss = DistillationLoss(ComplexL2(40))
    signals = {"noisy": noisy, "student": 0 * noisy, "teacher": teacher}
    (band,) = followed(loss, signals).maps
    assert not band.candidate[:55].any() and band.candidate[70:].all()


def test_a_teacher_that_changed_nothing_leaves_no_patch_and_no_share():
    noisy = noise(1)
    for host in HOSTS:
        signals = {"noisy": noisy, "student": noise(2), "teacher": noisy}
        found = followed(DistillationLoss(host), signals)
        assert not any(band.candidate.any() for band in found.maps)
        assert found.shares == {}


def test_the_level_does_not_matter_to_a_loss_that_normalises():
    loss = DistillationLoss(
        DFKD(beta=0.5, patch_bins=(10, 40)), normalize_level=True
    )
    signals = {k: noise(n) for n, k in enumerate(("noisy", "student"))}
    signals["teacher"] = noise(3)
    quiet = {name: 0.01 * signal for name, signal in signals.items()}
    assert followed(loss, quiet).shares == pytest.approx(
        followed(loss, signals).shares, rel=1e-6
    )
