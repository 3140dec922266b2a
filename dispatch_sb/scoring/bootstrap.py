"""Means over files with bootstrap confidence intervals.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import numpy as np


def mean_with_interval(
    values: Sequence[float],
    resamples: int = 2000,
    seed: int = 0,
    weights: Sequence[float] | None = None,
) -> dict:
    """Return the mean of per-file values and its 95 % interval.

    Percentile bootstrap over files (Efron and Tibshirani 1993, chapter 13).
    It tells how the mean varies with the choice of files; not with the
    speaker if there is one, nor with the training seed. With weights it is
    the sum of the values over that of the weights, drawn together: errors
    over words are a word error rate (Bisani and Ney, ICASSP 2004).

    Arguments
    ---------
    values : sequence of float
        One finite value for each file.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Seed of the resampling.
    weights : sequence of float, optional
        What each file's value is a sum over; 1 if None.

    Returns
    -------
    dict
        "mean", "ci95" ([low, high]) and "n". The mean is None without values,
        the interval [None, None] with fewer than two.

    Example
    -------
    >>> mean_with_interval([2.0, 2.0, 2.0])
    {'mean': 2.0, 'ci95': [2.0, 2.0], 'n': 3}
    >>> mean_with_interval([1, 1], weights=[1, 9])["mean"]
    0.2
    >>> mean_with_interval([])
    {'mean': None, 'ci95': [None, None], 'n': 0}
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(values.size) if weights is None else np.asarray(weights)
    n = values.size

    def mean(chosen):
        return float(values[chosen].sum() / weights[chosen].sum())

    low = high = None
    if n > 1:
        generator = np.random.default_rng(seed)
        means = [mean(generator.integers(n, size=n)) for _ in range(resamples)]
        low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return {
        "mean": mean(slice(None)) if n else None,
        "ci95": [low, high],
        "n": n,
    }
