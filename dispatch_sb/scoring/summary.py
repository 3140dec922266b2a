"""From scores of files to means, intervals and paired differences.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.scoring.bootstrap import mean_with_interval
from dispatch_sb.scoring.catalogue import ALL, flavours
from dispatch_sb.scoring.pair import is_score

COMPARED = (("student", "noisy"), ("student", "teacher"))


def summarise(
    files: dict,
    metrics: tuple[str, ...] = ALL,
    resamples: int = 2000,
    seed: int = 0,
) -> dict:
    """Turn per-file scores into means, intervals and paired differences.

    Arguments
    ---------
    files : dict
        {id: {system: {metric: value or {"error": reason}}}}.
    metrics : tuple of str
        Names.
    resamples : int
        Bootstrap samples.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        As `score_systems` returns it.

    Example
    -------
    >>> files = {
    ...     "a": {"noisy": {"pesq": 1.0}, "student": {"pesq": 2.0}},
    ...     "b": {"noisy": {"pesq": 3.0}, "student": {"pesq": {"error": "?"}}},
    ... }
    >>> scores = summarise(files, ("pesq",))
    >>> scores["noisy"]["pesq"]["mean"], scores["student"]["pesq"]["failed"]
    (2.0, 1)
    >>> scores["differences"]["student - noisy"]["pesq"]["mean"]
    1.0
    """
    systems = list(dict.fromkeys(s for row in files.values() for s in row))
    bootstrap = {"resamples": resamples, "seed": seed}
    scores = {}
    for system in systems:
        rows = [row[system] for row in files.values() if system in row]
        scores[system] = {m: _summary(rows, m, bootstrap) for m in metrics}
    scores["differences"] = {
        f"{one} - {other}": {
            m: mean_with_interval(_paired(files, one, other, m), **bootstrap)
            for m in metrics
        }
        for one, other in COMPARED
        if one in systems and other in systems
    }
    return {**scores, "files": files, "flavours": flavours(metrics)}


def _summary(rows, metric, bootstrap):
    values = [row[metric] for row in rows if is_score(row[metric])]
    failed = len(rows) - len(values)
    return {**mean_with_interval(values, **bootstrap), "failed": failed}


def _paired(files, one, other, metric):
    """Differences on the files where both systems have a score."""
    pairs = [
        (row[one][metric], row[other][metric])
        for row in files.values()
        if one in row and other in row
    ]
    return [a - b for a, b in pairs if is_score(a) and is_score(b)]
