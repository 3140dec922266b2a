"""The score table as text of fixed width.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.scoring.catalogue import CATALOGUE
from dispatch_sb.scoring.pair import is_score
from dispatch_sb.scoring.scoreboard import column_of, systems_of

NAMED = 3  # reasons given for each failing metric, files for each reason


def format_table(scores: dict) -> str:
    """Lay out scores for a terminal.

    Arguments
    ---------
    scores : dict
        From `score_systems`, or read back from scores.json.

    Returns
    -------
    str
        Means with intervals for each system, paired differences, what
        failed and why, and the flavours of the metrics.

    Example
    -------
    >>> one = {"mean": 1.5, "ci95": [1.25, 1.75], "n": 9, "failed": 0}
    >>> files = {"a": {"noisy": {"pesq": 1.5}}}
    >>> flavours = {"pesq": "PESQ-WB: …"}
    >>> table = format_table(
    ...     {"noisy": {"pesq": one}, "files": files, "flavours": flavours}
    ... )
    >>> print(table)
    Files: 1. Mean [95 % bootstrap interval]
                         noisy
    PESQ-WB  1.50 [1.25, 1.75]
    <BLANKLINE>
    PESQ-WB: …
    """
    metrics = list(scores["flavours"])
    files = scores["files"]
    systems = systems_of(files)
    blocks = [
        [f"Files: {len(files)}. Mean [95 % bootstrap interval]"]
        + _grid({name: scores[name] for name in systems}, metrics)
    ]
    if scores.get("differences"):
        blocks.append(
            ["Mean difference on the same files [95 % bootstrap interval]"]
            + _grid(scores["differences"], metrics, "+")
        )
    failures = [
        line
        for system in systems
        for metric in metrics
        for line in _failures(files, system, metric)
    ]
    if failures:
        blocks.append(["* failed files, counted in no mean:", *failures])
    blocks.append(list(dict.fromkeys(scores["flavours"].values())))
    return "\n\n".join("\n".join(block) for block in blocks)


def _grid(columns, metrics, sign=""):
    """Header and one line for each metric, columns as wide as they need."""
    rows = [["", *columns]]
    for metric in metrics:
        style = f"{sign}.{CATALOGUE[metric].decimals}f"
        cells = [_cell(column[metric], style) for column in columns.values()]
        rows.append([CATALOGUE[metric].label, *cells])
    label = max(len(row[0]) for row in rows)
    width = 2 + max(len(cell) for row in rows for cell in row[1:])
    return [
        f"{row[0]:<{label}}" + "".join(f"{cell:>{width}}" for cell in row[1:])
        for row in rows
    ]


def _cell(summary, style):
    """ "1.57 [1.49, 1.66]", with * if files failed."""
    mark = "*" if summary.get("failed") else ""
    if summary["mean"] is None:
        return f"no score{mark}"
    low, high = ("?" if x is None else f"{x:{style}}" for x in summary["ci95"])
    return f"{summary['mean']:{style}} [{low}, {high}]{mark}"


def _failures(files, system, metric):
    """One line if the metric failed on files of the system, else none."""
    column = column_of(files, system, metric)
    reasons = {}
    for name, value in column.items():
        if not is_score(value):
            reasons.setdefault(value["error"], []).append(name)
    if reasons:
        count = sum(map(len, reasons.values()))
        texts = [
            f"{reason}: {_some(names)}" for reason, names in reasons.items()
        ]
        yield (
            f"  {system}, {CATALOGUE[metric].label}: {count} of {len(column)} "
            f"({_some(texts, '; ')})"
        )


def _some(texts, separator=", "):
    """The first few, and a mark if there are more."""
    more = ["…"] if len(texts) > NAMED else []
    return separator.join([*texts[:NAMED], *more])
