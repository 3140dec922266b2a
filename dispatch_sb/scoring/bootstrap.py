"""Means over files with bootstrap confidence intervals.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import numpy as np


def mean_with_interval(
    values: Sequence[float], resamples: int = 2000, seed: int = 0
) -> dict:
    """Return the mean of per-file values and its 95 % interval.

    Percentile bootstrap over files (Efron and Tibshirani 1993, chapter 13).
    It tells how the mean varies with the choice of files; not with the
    speaker if there is one, nor with the training seed.

    Arguments
    ---------
    values : sequence of float
        One finite value for each file.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Seed of the resampling.

    Returns
    -------
    dict
        "mean", "ci95" ([low, high]) and "n". The mean is None without values,
        the interval [None, None] with fewer than two.

    Example
    -------
    >>> mean_with_interval([2.0, 2.0, 2.0])
    {'mean': 2.0, 'ci95': [2.0, 2.0], 'n': 3}
    >>> mean_with_interval([])
    {'mean': None, 'ci95': [None, None], 'n': 0}
    """
    values = np.asarray(values, dtype=np.float64)
    n = values.size
    if n < 2:
        mean = float(values[0]) if n else None
        return {"mean": mean, "ci95": [None, None], "n": n}
    generator = np.random.default_rng(seed)
    means = np.fromiter(
        (
            values[generator.integers(n, size=n)].mean()
            for _ in range(resamples)
        ),
        dtype=np.float64,
        count=resamples,
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "mean": float(values.mean()),
        "ci95": [float(low), float(high)],
        "n": n,
    }
