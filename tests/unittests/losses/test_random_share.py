"""The control that draws its patches, and ratios that change."""

import pytest
import torch

from dispatch_sb.losses import RandomShare, TopGap
from dispatch_sb.training.schedules import Linear

GAP = torch.randn(3, 30, 12, generator=torch.Generator().manual_seed(0))
CANDIDATE = GAP.roll(1, 2) > torch.tensor([-9.0, 0.0, 1.5])[:, None, None]


def per_utterance(weight):
    """How many patches each utterance keeps."""
    return weight.sum((1, 2)).tolist()


@pytest.mark.parametrize("ratio", [0.001, 0.29, 0.8, 1.0])
def test_as_many_as_the_largest_gaps_would_be(ratio):
    drawn = RandomShare(ratio)(GAP, CANDIDATE)
    assert per_utterance(drawn) == per_utterance(TopGap(ratio)(GAP, CANDIDATE))
    assert not drawn[~CANDIDATE].any()
    assert not RandomShare(ratio)(GAP, CANDIDATE & False).any()


def test_every_candidate_is_as_likely_whatever_its_gap():
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
    rule = kind(Linear(start=1.0, end=0.25))
    kept = []
    for progress in (0.0, 0.5, 1.0):
        rule.ratio = rule.schedule(progress)
        kept.append(rule(GAP, torch.ones_like(CANDIDATE)).mean().item())
    assert kept == [1.0, 0.625, 0.25]
    assert kind(Linear(1.0, 0.25)).ratio == 0.25
    for wrong in (Linear(0, 0.5), Linear(0.5, 1.5)):
        with pytest.raises(ValueError, match="ratio"):
            kind(wrong)
