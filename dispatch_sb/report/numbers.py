"""What a report reads off a run's scores and facts, and how it writes them.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
import math
from collections.abc import Iterable, Mapping
from typing import Any

from dispatch_sb.runs.run import TEACHER, Run
from dispatch_sb.scoring import mean_with_interval
from dispatch_sb.scoring.catalogue import CATALOGUE, Metric

HEADING = ("method", "seed", "teacher_source", "teacher_revision")
HEADING += ("teacher_commit", "parameters", "date")
LONGEST_FACT = 48  # letters in the heading


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


def heading_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """The facts that belong on top: who, from whom, how, when.

    Arguments
    ---------
    facts : mapping
        What scores.json tells beside the scores.

    Returns
    -------
    dict
        Short values under short names.

    Example
    -------
    >>> heading_facts(
    ...     {"seed": 1, "python": "3.11", "sha256": {"student": "ab"}}
    ... )
    {'seed': '1'}
    """
    told = flatten({key: facts[key] for key in HEADING if key in facts})
    return {
        name: _short(_moment(value) if name == "date" else value)
        for name, value in told
    }


def flatten(
    facts: Mapping[str, Any], above: str = ""
) -> Iterable[tuple[str, str]]:
    """Nested names and values, one after the other.

    Arguments
    ---------
    facts : mapping
        Dictionaries, lists and plain values.
    above : str
        The name of what holds them.

    Yields
    ------
    tuple of str
        A readable name and its value.

    Example
    -------
    >>> list(flatten({"parameters": {"student": 22451}}))
    [('parameters, student', '22,451')]
    """
    for key, value in facts.items():
        name = str(key).replace("_", " ")
        name = f"{above}, {name}" if above else name
        if isinstance(value, Mapping):
            yield from flatten(value, name)
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        elif isinstance(value, int | float) and "seed" not in name:
            whole = float(value).is_integer()
            yield name, f"{value:,.0f}" if whole else f"{value:g}"
        else:
            yield name, str(value)


def _short(value: str) -> str:
    """The end of a long value, such as a path, where its name is."""
    return (
        value if len(value) <= LONGEST_FACT else f"…{value[1 - LONGEST_FACT :]}"
    )


def _moment(date: str) -> str:
    """An ISO date and time for readers; anything else as it is."""
    try:
        moment = datetime.datetime.fromisoformat(date)
    except ValueError:
        return date
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".strip()
