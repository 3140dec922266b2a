"""The selection rules, on small maps of scores that one can follow; the
arguments that losses and rules refuse."""

import math

import pytest
import torch

from dispatch_sb.losses import (
    DFKD,
    CompressedMagnitude,
    DistillationLoss,
    EnhancementLoss,
    LogMagnitude,
    MagnitudeL2,
    MultiResolutionSTFT,
    PositiveGap,
    RandomShare,
    SoftGap,
    TopGap,
    TopPositiveGap,
    official,
)

SCORES = torch.tensor([[[5.0, -1.0, 3.0], [0.0, 4.0, -2.0]]])
ALL = torch.ones(1, 2, 3, dtype=torch.bool)
SOME = torch.tensor([[[False, True, True], [True, False, True]]])
TIED = torch.tensor([[[2.0, 1.0, 1.0], [1.0, 0.0, 0.0]]])
GAP = torch.randn(3, 30, 12, generator=torch.Generator().manual_seed(0))
CANDIDATE = GAP.roll(1, 2) > torch.tensor([-9.0, 0.0, 1.5])[:, None, None]
KEPT = [
    (TopGap(0.5), SCORES, ALL, [5, 4, 3]),
    (TopGap(0.49), SCORES, SOME, [3]),
    (TopGap(0.01), SCORES, ALL, [5]),
    (TopGap(1.0), SCORES, SOME, [3, 0, -1, -2]),
    (TopGap(0.4), TIED, ALL, [2, 1, 1, 1]),
    (PositiveGap(), SCORES, SOME, [3]),
    (TopPositiveGap(0.4), SCORES, ALL, [5, 4]),
    (TopPositiveGap(0.9), SCORES, SOME, [3]),
    (TopGap(0.8), SCORES, ~ALL, []),
    (PositiveGap(), SCORES, ~ALL, []),
]


@pytest.mark.parametrize("rule, scores, candidate, expected", KEPT)
def test_what_is_kept(rule, scores, candidate, expected):
    weight = rule(scores.clone().requires_grad_(), candidate)
    assert weight.dtype == torch.float32 and not weight.requires_grad
    assert set(weight.flatten().tolist()) <= {0.0, 1.0}
    assert sorted(scores[weight == 1].tolist(), reverse=True) == expected


@pytest.mark.parametrize(
    "rule", [TopGap(0.6), PositiveGap(), TopPositiveGap(0.6), SoftGap()]
)
def test_what_is_no_candidate_changes_nothing(rule):
    for others in (-1e3, 1e3):
        scores = SCORES.where(SOME, others)
        assert rule(scores, SOME).equal(rule(SCORES, SOME))


@pytest.mark.parametrize("ratio", [0.1, 0.29, 0.3, 0.57, 0.7, 0.8, 0.9])
def test_the_ratio_is_the_decimal_as_written(ratio):
    scores = torch.arange(1000.0).view(1, 10, 100)
    assert TopGap(ratio)(scores, scores >= 0).sum() == round(1000 * ratio)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_soft_weights_rise_with_the_score_at_any_scale(scale):
    weight = SoftGap()(SCORES * scale, ALL)
    assert (weight.flatten()[SCORES.flatten().argsort()].diff() > 0).all()
    assert weight[0, 1, 0] == 0.5
    torch.testing.assert_close(weight, SoftGap()(SCORES, ALL))


def test_soft_reaches_from_positive_to_all():
    assert SoftGap(1e-6)(SCORES, SOME).tolist() == [[[0, 0, 1], [0.5, 0, 0]]]
    torch.testing.assert_close(SoftGap(1e9)(SCORES, SOME), 0.5 * SOME)
    assert SoftGap()(0 * SCORES, ALL).eq(0.5).all()


@pytest.mark.parametrize("ratio", [0.001, 0.29, 0.8, 1.0])
def test_at_random_as_many_as_the_largest_gaps_would_be(ratio):
    drawn = RandomShare(ratio)(GAP, CANDIDATE)
    largest = TopGap(ratio)(GAP, CANDIDATE)
    assert drawn.sum((1, 2)).equal(largest.sum((1, 2)))
    assert not drawn[~CANDIDATE].any()
    assert not RandomShare(ratio)(GAP, CANDIDATE & False).any()


def test_at_random_every_candidate_is_as_likely_whatever_its_gap():
    torch.manual_seed(0)
    rule, times = RandomShare(0.3), 2000
    often = sum(rule(GAP, CANDIDATE) for _ in range(times)) / times
    for utterance, inside in zip(often, CANDIDATE):
        assert utterance[inside].sub(0.3).abs().max() < 0.06


def test_a_seed_repeats_the_draws():
    torch.manual_seed(1)
    rule = RandomShare(0.5)
    first, second = rule(GAP, CANDIDATE), rule(GAP, CANDIDATE)
    assert not first.equal(second)
    torch.manual_seed(1)
    assert rule(GAP, CANDIDATE).equal(first)


@pytest.mark.parametrize("kind", [TopGap, RandomShare])
def test_a_ratio_may_change(kind):
    rule = kind(lambda progress: 1 - 0.75 * progress)
    assert rule.ratio == 0.25
    kept = []
    for progress in (0.0, 0.5, 1.0):
        rule.ratio = rule.schedule(progress)
        kept.append(rule(GAP, torch.ones_like(CANDIDATE)).mean().item())
    assert kept == [1.0, 0.625, 0.25]


@pytest.mark.parametrize(
    "build",
    [
        *(lambda r=r: TopGap(r) for r in (0, -0.1, 1.01, math.nan)),
        lambda: TopGap(lambda progress: progress / 2),
        lambda: RandomShare(lambda progress: progress + 0.5),
        *(lambda t=t: SoftGap(t) for t in (0, math.inf)),
        *(lambda b=b: DFKD(beta=b) for b in (-0.1, 1.1, math.nan)),
        *(lambda f=f: DFKD(floor_db=f) for f in (-200, 1, math.nan)),
        *(lambda p=p: DFKD(patch_bins=p) for p in ((10, 40, 20), (10, 0))),
        *(lambda p=p: MagnitudeL2(p) for p in (0, 2.5, (10, 40))),
        lambda: MagnitudeL2(patch_frames=0),
        *(lambda e=e: MagnitudeL2(20, e) for e in ((3000, 2000), (0,))),
        lambda: DistillationLoss(MagnitudeL2(patch_bins=258)),
        lambda: DistillationLoss(MagnitudeL2(20, (2001, 2010))),
        lambda: DistillationLoss(MagnitudeL2(20, (8001,))),
        lambda: LogMagnitude(floor=0),
        lambda: CompressedMagnitude(power=1.5),
        lambda: EnhancementLoss(magnitude=-1),
        lambda: EnhancementLoss(power=0),
        lambda: MultiResolutionSTFT(n_ffts=()),
        lambda: official.l2(ratio=0.0),
        lambda: official.dfkd(patch_bins=(10, 300)),
    ],
)
def test_arguments_out_of_range(build):
    with pytest.raises(ValueError, match=r"\w+=|n_ffts|weights"):
        build()
