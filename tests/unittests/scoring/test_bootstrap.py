"""Intervals: coverage, seeds, small samples.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import numpy as np

from dispatch_sb.scoring import mean_with_interval


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        values = generator.exponential(1.0, size=60)
        low, high = mean_with_interval(values, 300, trial)["ci95"]
        hits += low < 1.0 < high
    assert 0.89 < hits / 300 < 0.98


def test_interval_narrows_with_the_root_of_the_number_of_files():
    values = np.random.default_rng(0).standard_normal(1600)
    few = mean_with_interval(values[:100])["ci95"]
    many = mean_with_interval(values)["ci95"]
    ratio = (few[1] - few[0]) / (many[1] - many[0])
    assert 3 < ratio < 5


def test_same_seed_same_interval_other_seed_another():
    values = np.random.default_rng(0).standard_normal(50)
    assert mean_with_interval(values) == mean_with_interval(values, seed=0)
    assert mean_with_interval(values) != mean_with_interval(values, seed=1)


def test_one_file_has_a_mean_but_no_interval():
    one = mean_with_interval([3.0])
    assert one == {"mean": 3.0, "ci95": [None, None], "n": 1}


def test_values_are_plain_python():
    summary = mean_with_interval(np.float32([1, 2, 3]))
    assert json.loads(json.dumps(summary)) == summary
    assert type(summary["mean"]) is float and type(summary["n"]) is int
