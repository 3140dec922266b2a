"""All metrics of one pair of signals; a metric that fails leaves its reason.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Callable

import numpy as np

from dispatch_sb.processes import Failure
from dispatch_sb.scoring import intrusive
from dispatch_sb.scoring.catalogue import ALL, COMPOSITE, DNSMOS, check_metrics
from dispatch_sb.scoring.composite import composite_scores
from dispatch_sb.scoring.dnsmos import dnsmos_scores


def score_pair(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    metrics: tuple[str, ...] = ALL,
) -> dict[str, float | dict[str, str]]:
    """Score one estimate against its reference.

    Neither signal is changed.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples], floating point within -1…1.
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz.
    metrics : tuple of str
        Names; all by default.

    Returns
    -------
    dict
        Metric name to a finite Python float, or to {"error": reason} where
        the metric has no value: silent, too short, NaN, PESQ's error codes.

    Raises
    ------
    ValueError
        If a metric's name is unknown. Unfit signals do not raise.

    Example
    -------
    >>> clean = np.sin(np.arange(8000) / 5)
    >>> score_pair(clean, clean + 0.1, 16000, ("segmental_snr",))
    {'segmental_snr': 16.98...}
    >>> score_pair(clean, 0 * clean, 16000, ("si_sdr",))
    {'si_sdr': {'error': 'the estimate is silent'}}
    """
    check_metrics(metrics)
    estimate = np.asarray(estimate, dtype=np.float64)
    pair = np.asarray(reference, dtype=np.float64), estimate, sample_rate
    found = {}
    computed = {
        ("pesq",): lambda: intrusive.pesq_wb(*pair),
        COMPOSITE: lambda: _composite(*pair, found["pesq"]),
        ("stoi",): lambda: intrusive.stoi(*pair),
        ("estoi",): lambda: intrusive.estoi(*pair),
        ("si_sdr",): lambda: intrusive.si_sdr(*pair),
        ("segmental_snr",): lambda: intrusive.segmental_snr(*pair),
        DNSMOS: lambda: dnsmos_scores(estimate, sample_rate),
    }
    wanted = {*metrics}
    if wanted & {*COMPOSITE}:
        wanted.add("pesq")
    for names, compute in computed.items():
        if wanted & {*names}:
            found |= _attempt(names, compute)
    return {name: found[name] for name in metrics}


def is_score(value: object) -> bool:
    """Tell a score from a recorded failure.

    Arguments
    ---------
    value : object
        One value of `score_pair`'s result.

    Returns
    -------
    bool
        True for a score.

    Example
    -------
    >>> is_score(1.5), is_score({"error": "the estimate is silent"})
    (True, False)
    """
    return not isinstance(value, dict)


def all_failed(reason: str, metrics: tuple[str, ...]) -> dict:
    """Record one reason for every metric of a pair.

    Arguments
    ---------
    reason : str
        Why no metric could be computed.
    metrics : tuple of str
        Names.

    Returns
    -------
    dict
        Metric name to {"error": reason}.

    Example
    -------
    >>> all_failed("file is missing", ("pesq",))
    {'pesq': {'error': 'file is missing'}}
    """
    return {name: {"error": reason} for name in metrics}


def row_of(outcome: dict | Failure, metrics: tuple[str, ...]) -> dict:
    """The scores that a call in a process gave.

    Arguments
    ---------
    outcome : dict or Failure
        What `score_pair` returned there, or how its process died.
    metrics : tuple of str
        Names.

    Returns
    -------
    dict
        As `score_pair` returns it.

    Example
    -------
    >>> row_of(Failure("killed", lost=True), ("pesq",))
    {'pesq': {'error': 'killed'}}
    """
    if isinstance(outcome, Failure):
        return all_failed(outcome.reason, metrics)
    return outcome


def _composite(reference, estimate, sample_rate, pesq):
    if not is_score(pesq):
        raise ValueError(f"needs PESQ: {pesq['error']}")
    return composite_scores(reference, estimate, sample_rate, pesq)


def _attempt(names: tuple[str, ...], compute: Callable) -> dict:
    """Call a metric; whatever it raises, or NaN, becomes its reason."""
    try:
        result = compute()
    except ValueError as error:
        return all_failed(str(error), names)
    except Exception as error:  # a library's bug must not end the evaluation
        return all_failed(f"{type(error).__name__}: {error}", names)
    if not isinstance(result, dict):
        result = {names[0]: result}
    return {
        name: float(value)
        if math.isfinite(value)
        else {"error": f"the value is {value}"}
        for name, value in result.items()
    }
