"""What a report reads off a run's scores, and how it writes numbers.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Mapping
from typing import Any

from dispatch_sb.runs.run import TEACHER, Run
from dispatch_sb.scoring import mean_with_interval
from dispatch_sb.scoring.catalogue import CATALOGUE, Metric


def number(value: Any) -> float:
    """A value as a number, NaN for anything that is none.

    Arguments
    ---------
    value : any
        From a JSON file.

    Returns
    -------
    float
        Finite, or NaN.

    Example
    -------
    >>> number(2), number({"error": "silent"}), number(float("inf"))
    (2.0, nan, nan)
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else math.nan


def shown(value: Any, decimals: int = 2, sign: str = "") -> str:
    """A number for readers.

    Arguments
    ---------
    value : any
        From a JSON file.
    decimals : int
        Digits behind the point.
    sign : str
        "+" for a sign in any case.

    Returns
    -------
    str
        Its minus is no hyphen; empty where there is no number.

    Example
    -------
    >>> shown(0.5, 1, "+"), shown(-0.25), shown(None)
    ('+0.5', '−0.25', '')
    """
    value = number(value)
    text = f"{value:{sign}.{decimals}f}".replace("-", "−")
    return "" if math.isnan(value) else text


def gains(run: Run, system: str = "student") -> dict[str, float]:
    """A system's gain in PESQ over the noisy input, file by file.

    Arguments
    ---------
    run : Run
        The run.
    system : str
        "student", or one of the teachers.

    Returns
    -------
    dict
        Files whose metric failed are left out.
    """
    differences = {
        name: number(file.get(system, {}).get("pesq"))
        - number(file.get("noisy", {}).get("pesq"))
        for name, file in run.files.items()
    }
    return {k: v for k, v in differences.items() if not math.isnan(v)}


def headline(run: Run) -> dict[str, dict]:
    """How much the student gains over the noisy input, and its teacher; of
    several, the best.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        "mean", "ci95" and "n" of "student" and "teacher", and of how many
        teachers that is the best, for `headline.html`.
    """
    systems = dict.fromkeys(name for row in run.files.values() for name in row)
    student, *teachers = (
        mean_with_interval(list(gains(run, system).values()))
        for system in ("student", *filter(TEACHER.fullmatch, systems))
    )
    scored = [one for one in teachers if one["n"]]
    best = max(scored, key=lambda one: one["mean"], default={"n": 0})
    return {"student": student, "teacher": best, "teachers": len(scored)}


def metrics_of(run: Run) -> dict[str, Metric]:
    """All metrics of a run, the known ones first and in their usual order.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        How to write each.
    """
    found = {key for name in run.systems for key in run.scores[name]}
    known = {key: value for key, value in CATALOGUE.items() if key in found}
    unknown = sorted(found - set(known))
    return known | {key: Metric(key, 2, 0.0) for key in unknown}


def failures(run: Run) -> list[tuple[str, str, str, str]]:
    """Every metric that has no value.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    list of tuple
        File, system, metric and reason, in the order of the files.
    """
    metrics = metrics_of(run)
    return [
        (name, system, metrics[key].label, value["error"])
        for name, file in run.files.items()
        for system, scores in file.items()
        for key, value in scores.items()
        if isinstance(value, Mapping) and "error" in value and key in metrics
    ]
