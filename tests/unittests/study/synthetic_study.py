"""A study's folder with scores of known effects."""

import json

import numpy as np

QUESTIONS = [
    {"name": "Selection, inside DFKD", "better": "picked", "than": "all"},
    {"name": "A worse loss", "better": "harmful", "than": "all"},
    {"name": "Nothing changed", "better": "same", "than": "all"},
    {"name": "Best against no teacher", "better": "best", "than": "none"},
    {"name": "Other patches", "better": "later", "than": "all"},
]
EFFECTS = {"none": 0.0, "all": 0.1, "picked": 0.4, "harmful": -0.2, "same": 0.1}
WEIGHTS = {0.03: 0.1, 0.1: 0.3, 0.3: 0.2}  # weight: effect in the sweep


def scores(generator, effects, seeds=5, utterances=12, spread=0.03):
    """PESQ of methods that differ by known effects, from utterance to
    utterance and seed to seed: {method: {seed: {utterance: score}}}."""
    level = generator.normal(2.0, 0.4, utterances)
    found = {}
    for method, effect in effects.items():
        taste = generator.normal(0, 0.05, utterances)
        luck = generator.normal(0, spread, (seeds, 1))
        noise = generator.normal(0, 0.05, (seeds, utterances))
        values = level + effect + taste + luck + noise
        found[method] = {
            seed: {f"u{n}": value for n, value in enumerate(row)}
            for seed, row in enumerate(values.tolist(), start=1)
        }
    return found


def write_study(folder, seeds=5, effects=EFFECTS, valid=None, students=("T",)):
    """Writes cells and references below a folder; returns the cells' folder.

    Validation may see other effects than the tests.
    """
    generator = np.random.default_rng(1)
    cells = folder / "cells"
    cells.mkdir(parents=True)
    by_set = {"valid": valid or effects, "easy": effects, "hard": effects}
    for student in students:
        found = {
            name: scores(generator, known, seeds)
            for name, known in by_set.items()
        }
        for method in effects:
            for seed in range(1, seeds + 1):
                rows = {s: _rows(found[s][method][seed]) for s in by_set}
                write_cell(cells, method, seed, rows, student=student)
    for weight, effect in WEIGHTS.items():
        found = scores(generator, {"all": effect}, seeds=1)["all"][1]
        write_cell(
            cells, "all", 1, {"valid": _rows(found)}, weight, stage="sweep"
        )
    levels = {"noisy": 1.5, "teacher": 3.0}
    references = {
        name: {s: {"u0": {"pesq": level}} for s in by_set}
        for name, level in levels.items()
    }
    text = json.dumps(references)
    (folder / "references.json").write_text(text, encoding="utf-8")
    return cells


def write_cell(
    folder, method, seed, rows, weight=0.1, student="T", stage="main", **more
):
    """Writes one finished cell."""
    name = f"{student}_{method}_w{weight}_s{seed}_{stage}"
    cell = {
        "cell": name,
        "stage": stage,
        "method": method,
        "student": student,
        "seed": seed,
        "distillation_weight": None if method == "none" else weight,
        "steps": 600,
        "hours": 0.5,
        "commit": "abc1234",
        "machine": "two cores",
        "validation_curve": [{"epoch": 1, "pesq": 1.9, "loss": 0.25}],
        "best_epoch": 1,
        "scores": rows,
        **more,
    }
    text = json.dumps(cell)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _rows(values):
    """Rows of a cell: PESQ, and an SI-SDR that follows it."""
    return {
        name: {"pesq": value, "si_sdr": 5 * value}
        for name, value in values.items()
    }
