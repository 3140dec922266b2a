"""The scores of a run as the page shows them: the headline, the tables, and
what failed.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from dispatch_sb.report.numbers import gains, number
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring.bootstrap import mean_with_interval
from dispatch_sb.scoring.catalogue import CATALOGUE, Metric


class Headline(NamedTuple):
    """What the student gains over the noisy input.

    Arguments
    ---------
    files : int
        How many files have the gain.
    gain, low, high : float
        Mean in PESQ, and the ends of its 95 % interval; NaN where there is
        none.
    teacher : float or None
        The teacher's mean gain.
    """

    files: int
    gain: float
    low: float
    high: float
    teacher: float | None


class Cell(NamedTuple):
    """A mean of a table, in figures.

    Arguments
    ---------
    mean, interval : str
        Empty where there is none.
    failed : int
        Files without a score.
    """

    mean: str
    interval: str
    failed: int


class Table(NamedTuple):
    """A row per metric, a column per system.

    Arguments
    ---------
    columns : list of str
        Their heads.
    rows : list of tuple
        Each metric's label, and its cells.
    """

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


class Failure(NamedTuple):
    """A metric that has no value.

    Arguments
    ---------
    file, system, metric, reason : str
        Where and why.
    """

    file: str
    system: str
    metric: str
    reason: str


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


def headline(run: Run) -> Headline:
    """How much the student gains, and its teacher.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    Headline
        For `headline.html`.
    """
    gain = mean_with_interval(list(gains(run.files).values()))
    teacher = mean_with_interval(list(gains(run.files, "teacher").values()))
    ends = map(number, gain["ci95"])
    return Headline(gain["n"], number(gain["mean"]), *ends, teacher["mean"])


def score_table(run: Run) -> Table:
    """All means with their intervals and failures.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    Table
        A column per system.
    """
    return _table({name: run.scores[name] for name in run.systems}, run)


def difference_table(run: Run) -> Table | None:
    """Paired differences of systems.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    Table or None
        A column per pair of systems.
    """
    differences = run.scores.get("differences")
    return _table(differences, run, "+") if differences else None


def failures(run: Run) -> list[Failure]:
    """Every failed metric with its reason.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    list of Failure
        In the order of the files.
    """
    labels = metrics_of(run)
    return [
        Failure(name, system, labels[key].label, value["error"])
        for name, file in run.files.items()
        for system, scores in file.items()
        for key, value in scores.items()
        if isinstance(value, dict) and "error" in value and key in labels
    ]


def _table(
    columns: Mapping[str, Mapping[str, Mapping]], run: Run, sign: str = ""
) -> Table:
    """The means of all metrics, column by column."""
    return Table(
        [name.capitalize().replace(" - ", " − ") for name in columns],
        [
            (
                metric.label,
                [
                    _cell(column.get(key, {}), f"{sign}.{metric.decimals}f")
                    for column in columns.values()
                ],
            )
            for key, metric in metrics_of(run).items()
        ],
    )


def _cell(score: Mapping[str, Any], form: str) -> Cell:
    """One mean with its interval and its failures, minus signs as such."""
    mean, ends = number(score.get("mean")), score.get("ci95") or (None, None)
    low, high = map(number, ends)
    shown = "" if math.isnan(mean) else f"{mean:{form}}"
    interval = (
        "" if math.isnan(low + high) else f"{low:{form}} to {high:{form}}"
    )
    return Cell(
        shown.replace("-", "−"),
        interval.replace("-", "−"),
        score.get("failed") or 0,
    )
