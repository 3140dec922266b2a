"""Intervals: coverage, seeds, small samples.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import numpy as np
import pytest

from dispatch_sb.scoring import mean_with_interval


@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_cover_the_true_mean_about_as_often_as_they_say(weighted):
    """Of values, and of a rate whose weights vary: errors over words."""
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        weights = generator.integers(3, 12, size=60) if weighted else None
        values = generator.exponential(1.0, size=60)
        if weighted:
            values = generator.binomial(10 * weights, 0.1)
        low, high = mean_with_interval(values, 300, trial, weights)["ci95"]
        hits += low < 1.0 < high
    assert 0.89 < hits / 300 < 0.98


def test_the_seed_decides_and_values_are_plain_python():
    values = np.random.default_rng(0).standard_normal(50).astype("float32")
    summary = mean_with_interval(values)
    assert summary == mean_with_interval(values, seed=0)
    assert summary != mean_with_interval(values, seed=1)
    assert json.loads(json.dumps(summary)) == summary


def test_one_file_has_a_mean_but_no_interval():
    one = mean_with_interval([3.0])
    assert one == {"mean": 3.0, "ci95": [None, None], "n": 1}
