"""Quick scores during training.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import pytest

from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring import (
    pesq_wb,
    si_sdr,
    validation_scores,
)


@pytest.fixture(scope="module")
def pool():
    """One process for the module."""
    with WorkerPool(1) as pool:
        yield pool


def test_means_equal_the_metrics_and_are_plain(speech, noisy, pool):
    pairs = [
        (speech(seed=s), noisy(speech(seed=s), snr))
        for s, snr in ((0, 5), (1, 15))
    ]
    scores = validation_scores(pairs, pool=pool)
    pesq = np.mean([pesq_wb(*pair, 16000) for pair in pairs])
    ratio = np.mean([si_sdr(*pair) for pair in pairs])
    assert scores["pesq"] == pytest.approx(pesq)
    assert scores["si_sdr"] == pytest.approx(ratio)
    assert scores["failed"] == {"pesq": 0, "si_sdr": 0}
    assert type(scores["pesq"]) is float and type(scores["si_sdr"]) is float


def test_a_failing_pair_is_counted_and_not_averaged(speech, noisy, pool):
    clean = speech()
    good = (clean, noisy(clean, 10))
    bad = [(clean, 0 * clean), (clean, np.full_like(clean, np.nan))]
    scores = validation_scores([bad[0], good, bad[1]], pool=pool)
    alone = validation_scores([good], pool=pool)
    assert scores["failed"] == {"pesq": 2, "si_sdr": 2}
    assert scores["pesq"] == alone["pesq"]
    assert scores["si_sdr"] == alone["si_sdr"]


def test_without_any_score_the_worst_is_reported(speech, pool, caplog):
    clean = speech()
    for pairs in ([], [(clean, 0 * clean)]):
        scores = validation_scores(pairs, pool=pool)
        assert (scores["pesq"], scores["si_sdr"]) == (1.0, -100.0)
    assert "estimate" in caplog.text


def test_order_of_completion_does_not_change_the_mean(speech, noisy):
    pairs = [(speech(0.6, s), noisy(speech(0.6, s), 3 * s)) for s in range(6)]
    with WorkerPool(2) as two:
        first, second = (
            validation_scores(pairs, metrics=("si_sdr",), pool=two)
            for _ in range(2)
        )
    assert first == second
