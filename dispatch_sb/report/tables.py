"""Scores as HTML: the headline, the tables, and what failed.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from dispatch_sb.metrics.bootstrap import mean_with_interval
from dispatch_sb.metrics.catalogue import CATALOGUE, Metric
from dispatch_sb.report.facts import escape
from dispatch_sb.report.run import Run, gains, number

MOST_FAILURES = 50  # listed one by one
PERCENT = "\N{NO-BREAK SPACE}%"


def metrics_of(run: Run) -> dict[str, Metric]:
    """All metrics of a run, the known ones first and in their usual order.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    dict
        How to write each.
    """
    found = {key for name in run.systems for key in run.scores[name]}
    known = {key: value for key, value in CATALOGUE.items() if key in found}
    unknown = sorted(found - set(known))
    return known | {key: Metric(key, 2, 0.0) for key in unknown}


def headline(run: Run) -> str:
    """The result in one or two sentences, for better or worse.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        HTML.
    """
    gain = mean_with_interval(list(gains(run.files).values()))
    low, high = map(number, gain["ci95"])
    if gain["n"] == 0:
        return "There are no PESQ scores of this run's student."
    verdict = "does not clearly differ from"
    if low > 0 or high < 0:
        verdict = "is better than" if low > 0 else "is worse than"
    text = (
        f"On {gain['n']} test files the student {verdict} the noisy input: "
        f"<strong>{gain['mean']:+.2f} PESQ</strong> "
        f"(95 % interval {low:+.2f} to {high:+.2f})."
    )
    teacher = mean_with_interval(list(gains(run.files, "teacher").values()))
    if teacher["n"]:
        text += f" The teacher gains {teacher['mean']:+.2f}"
        if gain["mean"] > 0 and teacher["mean"] > 0:
            share = gain["mean"] / teacher["mean"]
            text += f"; the student reaches {share * 100:.0f} % of that"
        text += "."
    return _minus(text).replace("+nan", "unknown").replace(" %", PERCENT)


def score_table(run: Run) -> str:
    """All means with their intervals and failures.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        A `<table>`: a row per metric, a column per system.
    """
    columns = {name.capitalize(): run.scores[name] for name in run.systems}
    metrics = metrics_of(run)
    return _table(
        "Mean of each metric with its 95 % bootstrap interval; higher is "
        f"better{_exceptions(metrics)}. Files on which a metric failed are "
        "counted, and are in no mean.",
        columns,
        metrics,
    )


def difference_table(run: Run) -> str:
    """Paired differences of systems, folded away.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        A `<details>` element, or nothing.
    """
    differences = run.scores.get("differences")
    if not differences:
        return ""
    table = _table(
        "Mean difference on the same files with its 95 % bootstrap interval. "
        "An interval without zero is a clear difference on these files, for "
        "this seed.",
        {name.capitalize(): column for name, column in differences.items()},
        metrics_of(run),
        "+",
    )
    return (
        "<details><summary>Differences, file by file</summary>"
        f'<div class="scroll">{table}</div></details>'
    )


def failures(run: Run) -> str:
    """Every failed metric with its reason, folded away.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        A `<details>` element, or nothing.
    """
    labels = metrics_of(run)
    failed = [
        f"<li><code>{escape(name)}</code>, {escape(system)}, "
        f"{escape(labels[key].label)}: {escape(value['error'])}</li>"
        for name, file in run.files.items()
        for system, scores in file.items()
        for key, value in scores.items()
        if isinstance(value, dict) and "error" in value and key in labels
    ]
    if not failed:
        return ""
    rest = len(failed) - MOST_FAILURES
    more = f"<li>and {rest} more, see scores.json</li>" if rest > 0 else ""
    return (
        f"<details><summary>Failed measurements: {len(failed)}</summary>"
        f"<ul>{''.join(failed[:MOST_FAILURES])}{more}</ul></details>"
    )


def _exceptions(metrics: Mapping[str, Metric]) -> str:
    """Names the metrics of which less is better, or says that none is."""
    labels = [m.label for m in metrics.values() if not m.higher_is_better]
    return f", but lower for {', '.join(labels)}" if labels else " everywhere"


def _table(
    caption: str,
    columns: Mapping[str, Mapping[str, Mapping]],
    metrics: Mapping[str, Metric],
    sign: str = "",
) -> str:
    """Means as a table with a row per metric."""
    heads = "".join(
        f'<th scope="col">{_minus(escape(name))}</th>' for name in columns
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(metric.label)}</th>'
        + "".join(
            _cell(column.get(key, {}), f"{sign}.{metric.decimals}f")
            for column in columns.values()
        )
        + "</tr>"
        for key, metric in metrics.items()
    )
    caption = caption.replace(" %", PERCENT)
    return (
        f"<table><caption>{caption}</caption><thead><tr>"
        f'<th scope="col">Metric</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cell(score: Mapping[str, Any], form: str) -> str:
    """One mean with its interval and its failures."""
    mean, failed = number(score.get("mean")), score.get("failed") or 0
    parts = ["–" if math.isnan(mean) else f"<b>{mean:{form}}</b>"]
    low, high = map(number, score.get("ci95") or (None, None))
    if not math.isnan(low + high):
        parts.append(f"<small>{low:{form}} to {high:{form}}</small>")
    if failed:
        parts.append(f'<small class="failed">{failed} failed</small>')
    return f"<td>{_minus(' '.join(parts))}</td>"


def _minus(text: str) -> str:
    """Hyphens before numbers, and alone, as the signs that they stand for."""
    return re.sub(r"-(?=[\d.]|\s)", "−", text)
