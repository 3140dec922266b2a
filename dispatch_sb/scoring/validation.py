"""Quick scores of signals in memory, for use every few epochs of training.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext

import numpy as np

from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring.catalogue import CATALOGUE, check_metrics
from dispatch_sb.scoring.pair import is_score, row_of, score_pair

logger = logging.getLogger(__name__)


def validation_scores(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    workers: int | None = None,
    *,
    sample_rate: int = 16000,
    metrics: tuple[str, ...] = ("pesq", "si_sdr"),
    pool: WorkerPool | None = None,
    from_all: Callable[[list], list] | None = None,
) -> dict:
    """Return the mean of each metric over pairs of signals.

    Arguments
    ---------
    pairs : iterable of (np.ndarray, np.ndarray)
        Reference and estimate, float32, each of shape [samples].
    workers : int or None
        Processes of a pool for this call only; None: one for each CPU.
    sample_rate : int
        Hz.
    metrics : tuple of str
        Names.
    pool : WorkerPool
        To use instead; keep one open over a training, so that processes
        start once.
    from_all : callable
        Where several trainers have a share of the pairs each: given the scores
        of this one, the list of those of all.

    Returns
    -------
    dict
        {metric: mean, …, "failed": {metric: count, …}}: plain finite Python
        floats and ints. Files without a score are in no mean; if none has
        one, the mean is the bottom of the metric's scale (PESQ 1.0, SI-SDR
        -100 dB), so that such an epoch is never selected as the best.

    Raises
    ------
    ValueError
        If a metric's name is unknown.

    Example
    -------
    >>> time = np.arange(16000, dtype=np.float32)
    >>> clean, hum = np.sin(time / 7), 0.1 * np.sin(time / 50)
    >>> pairs = [(clean, clean + hum), (clean, 0 * clean)]
    >>> scores = validation_scores(pairs, workers=1, metrics=("si_sdr",))
    >>> round(scores["si_sdr"]), scores["failed"]
    (20, {'si_sdr': 1})
    """
    check_metrics(metrics)
    calls = [(clean, other, sample_rate, metrics) for clean, other in pairs]
    with WorkerPool(workers) if pool is None else nullcontext(pool) as used:
        outcomes = dict(used.run(score_pair, calls))
    rows = [row_of(outcomes[index], metrics) for index in range(len(calls))]
    if from_all is not None:
        rows = [row for share in from_all(rows) for row in share]
    means = {metric: _mean(rows, metric) for metric in metrics}
    failed = {m: sum(not is_score(row[m]) for row in rows) for m in metrics}
    return {**means, "failed": failed}


def _mean(rows, metric):
    values = [row[metric] for row in rows if is_score(row[metric])]
    if values:
        return float(np.mean(values))
    reasons = sorted({row[metric]["error"] for row in rows})
    worst = CATALOGUE[metric].worst
    logger.warning(
        "%s has no value on any of %d pairs (%s): reported as %g",
        CATALOGUE[metric].label,
        len(rows),
        "; ".join(reasons[:3]),
        worst,
    )
    return worst
