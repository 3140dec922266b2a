"""Paired differences find true effects, and no others."""

import numpy as np
import pytest
from synthetic_study import scores

from dispatch_sb.study.paired import mean_and_spread, paired_difference

RESAMPLES = 199


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover_the_true_difference_with_few_seeds(seeds):
    """And agree with the p-value, which is never zero."""
    covered = []
    for trial in range(250):
        generator = np.random.default_rng(trial)
        study = scores(generator, {"a": 0.1, "b": 0.0}, seeds, utterances=30)
        found = paired_difference(study["a"], study["b"], RESAMPLES, trial)
        covered.append(found.low < 0.1 < found.high)
        assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0)
        assert found.p_value >= 1 / (RESAMPLES + 1)
    assert 0.93 <= np.mean(covered) < 1.0


def test_sides_may_change_and_what_both_methods_share_does_not_count():
    study = scores(np.random.default_rng(0), {"a": 0.05, "b": 0.0})
    found = paired_difference(study["a"], study["b"], RESAMPLES)
    assert found == paired_difference(study["a"], study["b"], RESAMPLES)
    assert found != paired_difference(study["a"], study["b"], RESAMPLES, 1)
    shifted = {
        method: {
            s: {u: v + 3 * s + len(u) for u, v in row.items()}
            for s, row in rows.items()
        }
        for method, rows in study.items()
    }
    turned = paired_difference(shifted["b"], shifted["a"], RESAMPLES)
    assert turned.mean == pytest.approx(-found.mean)
    assert turned.low == pytest.approx(-found.high)
    assert turned.p_value == found.p_value


def test_a_failed_score_leaves_out_its_pair_only():
    study = scores(np.random.default_rng(0), {"a": 0.1, "b": 0.0}, seeds=2)
    one, other = study["a"], study["b"]
    one[1]["u0"] = {"error": "silent"}
    del other[2]["u3"]
    found = paired_difference(one, other, RESAMPLES)
    pairs = [
        one[s][u] - other[s][u]
        for s in (1, 2)
        for u in one[s]
        if (s, u) not in {(1, "u0"), (2, "u3")}
    ]
    assert found.failed == 2
    assert found.mean == pytest.approx(np.mean(pairs))
    other[1]["u0"] = {"error": "silent"}
    assert paired_difference(one, other, RESAMPLES) == found


def test_only_shared_seeds_are_compared():
    study = scores(np.random.default_rng(0), {"a": 0.1, "b": 0.0}, seeds=3)
    del study["b"][2]
    found = paired_difference(study["a"], study["b"], RESAMPLES)
    assert list(found.seed_means) == [1, 3]
    assert paired_difference(study["a"], {}) is None


def test_one_seed_speaks_for_itself_only():
    study = scores(np.random.default_rng(0), {"a": 0.1, "b": 0.0}, seeds=1)
    found = paired_difference(study["a"], study["b"], RESAMPLES)
    assert not found.over_seeds and found.low < found.mean < found.high
    one = {1: {"a": 2.0}}
    lonely = paired_difference(one, one)
    assert (lonely.mean, lonely.low, lonely.p_value) == (0.0, None, None)


def test_mean_and_spread_are_over_seeds():
    rows = {1: {"a": 1.0, "b": 3.0}, 2: {"a": 4.0, "b": {"error": "?"}}}
    assert mean_and_spread(rows) == (3.0, pytest.approx(2**0.5), 1)
    assert mean_and_spread({}) == (None, None, 0)
