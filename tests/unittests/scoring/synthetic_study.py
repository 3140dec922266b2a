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


def scores(generator, effects, utterances=12, spread=0.03, noise=0.05):
    """PESQ of methods with known effects: {method: {seed: {utterance}}}."""
    seeds = len(next(iter(effects.values())))
    base = generator.normal(2.0, 0.4, utterances)
    return {
        method: {
            seed + 1: {
                f"u{n}": float(base[n] + shift + generator.normal(0, noise))
                for n in range(utterances)
            }
            for seed, shift in enumerate(
                generator.normal(0, spread, seeds) + means
            )
        }
        for method, means in effects.items()
    }


def write_study(folder, seeds=5, effects=None, students=("T",), sweep=True):
    """Writes cells and references below a folder; returns the cells' folder."""
    effects = EFFECTS if effects is None else effects
    generator = np.random.default_rng(0)
    cells = folder / "cells"
    cells.mkdir(parents=True)
    for student in students:
        by_set = {
            name: scores(
                generator, {m: np.full(seeds, e) for m, e in effects.items()}
            )
            for name in ("valid", "easy", "hard")
        }
        for method in effects:
            for seed in range(1, seeds + 1):
                rows = {
                    name: _rows(found[method][seed])
                    for name, found in by_set.items()
                }
                write_cell(cells, "main", method, student, seed, rows)
    for weight, effect in WEIGHTS.items() if sweep else ():
        found = scores(generator, {"all": np.full(1, effect)})
        rows = {"valid": _rows(found["all"][1])}
        write_cell(cells, "sweep", "all", "T", 1, rows, weight)
    references = {
        name: {s: {"u0": {"pesq": level}} for s in ("valid", "easy", "hard")}
        for name, level in (("noisy", 1.5), ("teacher", 3.0))
    }
    text = json.dumps(references)
    (folder / "references.json").write_text(text, encoding="utf-8")
    return cells


def write_cell(folder, stage, method, student, seed, rows, weight=0.1, **more):
    """Writes one finished cell."""
    name = f"{student}_{method}_w{weight}_s{seed}_{stage}"
    cell = {
        "cell": name,
        "stage": stage,
        "method": method,
        "student": student,
        "seed": seed,
        "distillation_weight": None if method == "none" else weight,
        "distillation_share": None,
        "options": {},
        "steps": 600,
        "hours": 0.5,
        "commit": "abc1234",
        "machine": "two cores",
        "hashes": {},
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
