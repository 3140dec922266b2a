"""Quick scores during training.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import pytest

from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring import pesq_wb, si_sdr, validation_scores


@pytest.fixture(scope="module")
def pool():
    """Two processes for the module."""
    with WorkerPool(2) as pool:
        yield pool


def test_means_are_over_the_pairs_that_have_a_score(speech, noisy, pool):
    pairs = [
        (speech(seed=s), noisy(speech(seed=s), snr))
        for s, snr in ((0, 5), (1, 15))
    ]
    clean = pairs[0][0]
    bad = [(clean, 0 * clean), (clean, np.full_like(clean, np.nan))]
    scores = validation_scores([bad[0], *pairs, bad[1]], pool=pool)
    pesq = np.mean([pesq_wb(*pair, 16000) for pair in pairs])
    assert scores["pesq"] == pytest.approx(pesq)
    assert scores["si_sdr"] == pytest.approx(
        np.mean([si_sdr(*p) for p in pairs])
    )
    assert scores["failed"] == {"pesq": 2, "si_sdr": 2}
    assert type(scores["pesq"]) is float and type(scores["si_sdr"]) is float


def test_without_any_score_the_worst_is_reported(speech, pool, caplog):
    clean = speech()
    for pairs in ([], [(clean, 0 * clean)]):
        scores = validation_scores(pairs, pool=pool)
        assert (scores["pesq"], scores["si_sdr"]) == (1.0, -100.0)
    assert "estimate" in caplog.text


def test_order_of_completion_does_not_change_the_mean(speech, noisy, pool):
    pairs = [(speech(0.6, s), noisy(speech(0.6, s), 3 * s)) for s in range(6)]
    first, second = (
        validation_scores(pairs, metrics=("si_sdr",), pool=pool)
        for _ in range(2)
    )
    assert first == second
