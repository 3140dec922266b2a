"""The selection rules, on small maps of scores that one can follow."""

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
    SoftGap,
    TopGap,
    TopPositiveGap,
)

SCORES = torch.tensor([[[5.0, -1.0, 3.0], [0.0, 4.0, -2.0]]])
ALL = torch.ones(1, 2, 3, dtype=torch.bool)
SOME = torch.tensor([[[False, True, True], [True, False, True]]])


def kept(rule, candidate, scores=SCORES):
    """The scores that a rule of weights 0 and 1 keeps, largest first."""
    weight = rule(scores, candidate)
    assert weight.dtype == torch.float32
    assert set(weight.flatten().tolist()) <= {0.0, 1.0}
    return sorted(scores[weight == 1].tolist(), reverse=True)


@pytest.mark.parametrize(
    "rule, candidate, expected",
    [
        (TopGap(0.5), ALL, [5, 4, 3]),
        (TopGap(0.5), SOME, [3, 0]),
        (TopGap(0.49), SOME, [3]),
        (TopGap(0.01), ALL, [5]),
        (TopGap(1.0), SOME, [3, 0, -1, -2]),
        (PositiveGap(), ALL, [5, 4, 3]),
        (PositiveGap(), SOME, [3]),
        (TopPositiveGap(0.9), ALL, [5, 4, 3]),
        (TopPositiveGap(0.4), ALL, [5, 4]),
        (TopPositiveGap(0.9), SOME, [3]),
        (TopGap(0.8), ~ALL, []),
        (PositiveGap(), ~ALL, []),
    ],
)
def test_what_is_kept(rule, candidate, expected):
    assert kept(rule, candidate) == expected


def test_ties_of_the_last_are_kept():
    scores = torch.tensor([[[2.0, 1.0, 1.0, 1.0, 0.0]]])
    everywhere = torch.ones_like(scores, dtype=torch.bool)
    assert kept(TopGap(0.4), everywhere, scores) == [2, 1, 1, 1]


@pytest.mark.parametrize("ratio", [0.1, 0.29, 0.3, 0.57, 0.7, 0.8, 0.9])
def test_the_ratio_is_the_decimal_as_written(ratio):
    scores = torch.arange(1000.0).view(1, 10, 100)
    weight = TopGap(ratio)(scores, scores >= 0)
    assert weight.sum() == round(1000 * ratio)


def test_utterances_are_ranked_apart():
    scores = torch.cat([SCORES, SCORES + 100])
    weight = TopGap(0.5)(scores, ALL.expand(2, 2, 3))
    assert weight.sum(dim=(1, 2)).tolist() == [3, 3]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_soft_weights_rise_with_the_score_at_any_scale(scale):
    weight = SoftGap()(SCORES * scale, ALL)
    order = SCORES.flatten().argsort()
    assert (weight.flatten()[order].diff() > 0).all()
    assert weight[0, 1, 0] == 0.5
    torch.testing.assert_close(weight, SoftGap()(SCORES, ALL))


def test_soft_reaches_from_positive_to_all():
    hard = SoftGap(1e-6)(SCORES, SOME)
    assert hard.tolist() == [[[0, 0, 1], [0.5, 0, 0]]]
    even = SoftGap(1e9)(SCORES, SOME)
    torch.testing.assert_close(even, 0.5 * SOME)
    assert SoftGap()(0 * SCORES, ALL).eq(0.5).all()


def test_scores_bring_no_gradient():
    scores = SCORES.clone().requires_grad_()
    for rule in (TopGap(), PositiveGap(), TopPositiveGap(), SoftGap()):
        assert not rule(scores, ALL).requires_grad


@pytest.mark.parametrize(
    "build",
    [
        *(lambda r=r: TopGap(r) for r in (0, -0.1, 1.01, float("nan"))),
        lambda: TopPositiveGap(2),
        lambda: SoftGap(0),
        lambda: SoftGap(float("inf")),
        *(lambda b=b: DFKD(beta=b) for b in (-0.1, 1.1, float("nan"))),
        lambda: DFKD(patch_bins=(10, 40, 20)),
        lambda: DFKD(patch_bins=(10, 0)),
        lambda: MagnitudeL2(patch_bins=0),
        lambda: MagnitudeL2(patch_bins=2.5),
        lambda: MagnitudeL2(patch_frames=0),
        lambda: MagnitudeL2(patch_bins=(10, 40)),
        lambda: MagnitudeL2(band_edges_hz=(3000, 2000)),
        lambda: MagnitudeL2(band_edges_hz=(0,)),
        lambda: DistillationLoss(MagnitudeL2(patch_bins=258)),
        lambda: DistillationLoss(DFKD(patch_bins=(10, 300))),
        lambda: DistillationLoss(MagnitudeL2(20, (2001, 2010))),
        lambda: DistillationLoss(MagnitudeL2(20, (8001,))),
        lambda: LogMagnitude(floor=0),
        lambda: CompressedMagnitude(power=1.5),
        lambda: EnhancementLoss(magnitude=-1),
        lambda: EnhancementLoss(power=0),
        lambda: MultiResolutionSTFT(n_ffts=()),
    ],
)
def test_arguments_out_of_range(build):
    with pytest.raises(ValueError, match=r"\w+=|n_ffts|weights"):
        build()
