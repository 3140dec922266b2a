"""What a report reads off a run's scores and its training log.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any


def series(
    epochs: Iterable[Mapping], group: str, key: str
) -> list[tuple[float, float]]:
    """One curve of a training log.

    Arguments
    ---------
    epochs : iterable of mapping
        Lines of training.jsonl.
    group : str
        "train" or "valid".
    key : str
        The term, for example "loss".

    Returns
    -------
    list of tuple
        (epoch, value) wherever the value was logged; NaN for what is not a
        number.

    Example
    -------
    >>> log = [{"epoch": 1, "valid": {"pesq": 2.0}}, {"epoch": 2}]
    >>> series(log, "valid", "pesq")
    [(1, 2.0)]
    """
    return [
        (line["epoch"], number(line[group][key]))
        for line in epochs
        if isinstance(line.get(group), dict)
        and line[group].get(key) is not None
    ]


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


def gains(
    files: Mapping[str, Mapping],
    system: str = "student",
    metric: str = "pesq",
) -> dict[str, float]:
    """A system's gain over the noisy input, file by file.

    Arguments
    ---------
    files : mapping
        Per-file scores, as in scores.json.
    system : str
        "student" or "teacher".
    metric : str
        Which metric.

    Returns
    -------
    dict
        Files whose metric failed are left out.

    Example
    -------
    >>> file = {"noisy": {"pesq": 1.5}, "student": {"pesq": 2.0}}
    >>> gains({"a": file, "b": {"noisy": {"pesq": {"error": "silent"}}}})
    {'a': 0.5}
    """
    differences = {
        name: number(file.get(system, {}).get(metric))
        - number(file.get("noisy", {}).get(metric))
        for name, file in files.items()
    }
    return {k: v for k, v in differences.items() if not math.isnan(v)}
