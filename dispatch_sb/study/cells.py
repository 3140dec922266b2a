"""A study's finished cells: reading them, and what validation says of them.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dispatch_sb.data.value_checks import read_json
from dispatch_sb.study.paired import Scores, mean_and_spread
from dispatch_sb.study.study_plan import MAIN, SWEEP

VALIDATION = "valid"  # the set that selects; all others are tests
BASELINES = ("none", "baseline")  # names of the method without a teacher
NEEDED = ("cell", "stage", "method", "student", "seed", "scores")
Cells = Iterable[Mapping]
WEIGHTS = ("distillation_weight", "distillation_share")


def read_cells(folder: str | os.PathLike) -> list[dict]:
    """Reads the finished cells of a study.

    Arguments
    ---------
    folder : str or os.PathLike
        Holds one JSON file for each cell; it may not exist yet.

    Returns
    -------
    list of dict
        The cells in the order of their files' names.

    Raises
    ------
    ValueError
        If a file is no JSON or lacks a key, or two files are of the same
        stage, method, student, seed and, in the sweep, weight.

    Example
    -------
    >>> read_cells(getfixture("tmp_path"))
    []
    """
    cells, seen = [], {}
    for path in sorted(Path(folder).glob("*.json")):
        cell = read_json(path, remedy="remove it.")
        if lacking := [key for key in NEEDED if key not in cell]:
            raise ValueError(f"{path} lacks {', '.join(lacking)}: remove it.")
        identity = tuple(cell[key] for key in NEEDED[1:5])
        if cell["stage"] == SWEEP:
            identity += tuple(weight_of(cell).items())
        if identity in seen:
            raise ValueError(
                f"{seen[identity]} and {path} are the same cell "
                f"({', '.join(map(str, identity))}): remove one, or give one "
                "another method's name."
            )
        seen[identity] = path
        cells.append(cell)
    return cells


def weight_of(cell: Mapping) -> dict[str, float]:
    """How strongly a cell distils.

    Arguments
    ---------
    cell : mapping
        A cell.

    Returns
    -------
    dict
        `{"distillation_weight": value}` or `{"distillation_share": value}`;
        empty where there is no teacher.

    Example
    -------
    >>> weight_of({"distillation_weight": None, "distillation_share": 0.5})
    {'distillation_share': 0.5}
    """
    return {key: cell[key] for key in WEIGHTS if cell.get(key) is not None}


def scores_of(cells: Cells, test_set: str, metric: str) -> Scores:
    """One metric of cells that differ in their seeds only.

    Arguments
    ---------
    cells : iterable of mapping
        Cells of one stage, method and student.
    test_set : str
        Which set.
    metric : str
        Which metric.

    Returns
    -------
    dict
        `{seed: {utterance: score}}`, without cells that lack the set.

    Example
    -------
    >>> cell = {"seed": 1, "scores": {"valid": {"a": {"pesq": 2.0}}}}
    >>> scores_of([cell], "valid", "pesq")
    {1: {'a': 2.0}}
    """
    found = {}
    for cell in cells:
        rows = cell["scores"].get(test_set, {}).items()
        values = {name: row[metric] for name, row in rows if metric in row}
        if values:
            found[cell["seed"]] = values
    return found


def of_kind(
    cells: Cells,
    stage: str,
    student: str | None = None,
    method: str | None = None,
) -> list[Mapping]:
    """Cells of a stage and, if given, of a student and a method.

    Arguments
    ---------
    cells : iterable of mapping
        All cells.
    stage : str
        `SWEEP` or `MAIN`.
    student : str or None
        Its name; None takes all.
    method : str or None
        Its name; None takes all.

    Returns
    -------
    list of mapping
        Those that fit, in the same order.

    Example
    -------
    >>> of_kind([{"stage": "main", "student": "T", "method": "l2"}], "sweep")
    []
    """
    return [
        cell
        for cell in cells
        if cell["stage"] == stage
        and student in (None, cell["student"])
        and method in (None, cell["method"])
    ]


def validation_mean(cells: Sequence[Mapping], metric: str = "pesq"):
    """Mean of a metric over validation utterances and seeds.

    Arguments
    ---------
    cells : sequence of mapping
        Cells that differ in their seeds only.
    metric : str
        A metric; "loss" reads the validation curve at the best epoch.

    Returns
    -------
    float or None
        None if no cell has it.

    Example
    -------
    >>> curve = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}]
    >>> cell = {"best_epoch": 2, "validation_curve": curve}
    >>> validation_mean([cell], "loss")
    0.4
    """
    if metric != "loss":
        return mean_and_spread(scores_of(cells, VALIDATION, metric))[0]
    losses = [
        point["loss"]
        for cell in cells
        for point in cell.get("validation_curve", ())
        if point["epoch"] == cell.get("best_epoch") and "loss" in point
    ]
    return sum(losses) / len(losses) if losses else None


def sweep_rows(
    cells: Cells, method: str, student: str | None = None
) -> list[dict]:
    """What each weight of a method's sweep gave on validation speakers.

    Arguments
    ---------
    cells : iterable of mapping
        All cells.
    method : str
        The method.
    student : str or None
        Its student; None takes all.

    Returns
    -------
    list of dict
        For each weight, ascending: "weight" (as of `weight_of`), "pesq",
        "loss", "seeds", "chosen". The highest mean PESQ is chosen; of equal
        ones the smaller weight.

    Example
    -------
    >>> cell = {
    ...     "stage": "sweep",
    ...     "method": "l2",
    ...     "student": "T",
    ...     "seed": 1,
    ...     "distillation_weight": 0.1,
    ...     "scores": {"valid": {"a": {"pesq": 2.0}}},
    ... }
    >>> sweep_rows([cell], "l2")[0]["chosen"]
    True
    """
    groups: dict[tuple, list] = {}
    for cell in of_kind(cells, SWEEP, student, method):
        groups.setdefault(tuple(weight_of(cell).items()), []).append(cell)
    rows = [
        {
            "weight": dict(weight),
            "pesq": validation_mean(group),
            "loss": validation_mean(group, "loss"),
            "seeds": len(group),
            "chosen": False,
        }
        for weight, group in sorted(groups.items())
    ]
    scored = [row for row in rows if row["pesq"] is not None]
    if scored:
        max(scored, key=lambda row: row["pesq"])["chosen"] = True
    return rows


def best_method(
    cells: Cells, student: str, controls: Iterable[str] = ()
) -> str | None:
    """The distillation method with the highest mean PESQ on validation.

    Methods are compared on the seeds that all of them have finished, or, if
    there are none, each on its own.

    Arguments
    ---------
    cells : iterable of mapping
        All cells.
    student : str
        Whose main cells to compare.
    controls : iterable of str
        Methods that are none to choose, beside the one without a teacher.

    Returns
    -------
    str or None
        Its name; None if no main cell of a distillation method has a score.

    Example
    -------
    >>> best_method([], "T") is None
    True
    """
    scores = {}
    for method in methods_of(of_kind(cells, MAIN, student)):
        own = of_kind(cells, MAIN, student, method)
        found = scores_of(own, VALIDATION, "pesq")
        scored = mean_and_spread(found)[0] is not None
        if scored and method not in {*BASELINES, *controls}:
            scores[method] = found
    if not scores:
        return None
    shared = set.intersection(*map(set, scores.values()))

    def mean(method):
        found = scores[method]
        rows = {seed: found[seed] for seed in shared or found}
        return mean_and_spread(rows)[0] or -math.inf

    return max(scores, key=mean)


def methods_of(cells: Cells) -> list[str]:
    """The methods of cells.

    Arguments
    ---------
    cells : iterable of mapping
        Cells.

    Returns
    -------
    list of str
        Each once, the one without a teacher first.

    Example
    -------
    >>> methods_of([{"method": "dfkd"}, {"method": "none"}])
    ['none', 'dfkd']
    """
    names = dict.fromkeys(cell["method"] for cell in cells)
    return sorted(names, key=lambda name: name not in BASELINES)
