"""What a run has left in its folder, read patiently: a part that is absent
or damaged becomes a sentence in the report, never an error.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SYSTEMS = ("noisy", "student", "teacher")
# Keys of scores.json that hold scores; all others describe the run.
TABLES = (*SYSTEMS, "files", "flavours", "differences", "wer_settings")


@dataclass
class Run:
    """A run's folder in memory.

    Arguments
    ---------
    folder : pathlib.Path
        The run's output folder.
    scores : dict
        The content of scores.json, empty if there is none.
    epochs : list of dict
        The lines of training.jsonl, one per epoch.
    settings : str
        The text of hyperparams.yaml, empty if there is none.
    missing : list of str
        Sentences about what is not there.
    """

    folder: Path
    scores: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    settings: str = ""
    missing: list[str] = field(default_factory=list)

    @property
    def systems(self) -> list[str]:
        """Those of noisy, student and teacher that have scores."""
        return [name for name in SYSTEMS if self.scores.get(name)]

    @property
    def enhanced(self) -> list[str]:
        """Whose enhanced speech the run should hold."""
        expected = self.systems or SYSTEMS
        return [name for name in expected if name != "noisy"]

    @property
    def files(self) -> dict[str, dict]:
        """The scores of every file."""
        return self.scores.get("files") or {}

    @property
    def facts(self) -> dict[str, Any]:
        """What scores.json tells beside the scores."""
        return {
            key: value
            for key, value in self.scores.items()
            if key not in TABLES and value is not None
        }


def read_run(output_folder: str | os.PathLike) -> Run:
    """Reads scores, training log and settings of a run.

    Arguments
    ---------
    output_folder : str or os.PathLike
        Holds scores.json, training.jsonl and hyperparams.yaml.

    Returns
    -------
    Run
        Whatever could be read, with a sentence for whatever could not.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    Example
    -------
    >>> run = read_run(getfixture("tmp_path"))
    >>> len(run.missing), run.systems, run.epochs
    (3, [], [])
    """
    run = Run(Path(output_folder))
    if not run.folder.is_dir():
        raise FileNotFoundError(
            f"{run.folder} is not a folder: give the output_folder of a run."
        )
    _read_scores(run)
    _read_epochs(run)
    settings = run.folder / "hyperparams.yaml"
    if settings.is_file():
        run.settings = settings.read_text(encoding="utf-8", errors="replace")
    else:
        run.missing.append("Settings: there is no hyperparams.yaml.")
    return run


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


def _read_scores(run: Run) -> None:
    """Fills in the scores."""
    path = run.folder / "scores.json"
    if not path.is_file():
        run.missing.append(
            "Scores: there is no scores.json, the run was not evaluated."
        )
        return
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(scores, dict):
            raise ValueError("not an object")
        run.scores = scores
    except ValueError as error:
        run.missing.append(
            f"Scores: scores.json cannot be read ({error}), evaluate again."
        )
        return
    if not run.scores.get("teacher"):
        run.missing.append(
            "Teacher: it has no scores, as in a run without distillation."
        )


def _read_epochs(run: Run) -> None:
    """Fills in the training log; a repeated epoch counts once, its last."""
    path = run.folder / "training.jsonl"
    if not path.is_file():
        run.missing.append("Training: there is no training.jsonl.")
        return
    epochs, damaged = {}, 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line) if line.strip() else {}
            if entry:
                epochs[entry["epoch"]] = entry
        except (ValueError, KeyError, TypeError):
            damaged += 1
    run.epochs = [epochs[epoch] for epoch in sorted(epochs)]
    if damaged:
        run.missing.append(
            f"Training: {damaged} damaged lines of training.jsonl left out."
        )
    if not run.epochs:
        run.missing.append("Training: training.jsonl holds no epoch.")
