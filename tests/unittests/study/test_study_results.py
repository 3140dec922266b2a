"""From a study's cells to choices, comparisons and pages."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from synthetic_study import EFFECTS, QUESTIONS, write_cell, write_study

from dispatch_sb.study.cells import best_method, read_cells, sweep_rows
from dispatch_sb.study.comparisons import compare, comparisons_of
from dispatch_sb.study.results import write_results

CONFIG = {
    "comparisons": QUESTIONS,
    "controls": ["harmful"],
    "labels": {"picked": "DFKD + DISPatch"},
    "resamples": 999,
}


def effects_of(cells_folder, metrics=("pesq",)):
    """What every comparison found on one set, by name and metric."""
    questions, cells = comparisons_of(QUESTIONS), read_cells(cells_folder)
    return {
        (effect.comparison.name, effect.metric): effect
        for effect in compare(
            cells, questions, "T", metrics, ["easy"], resamples=999
        )
    }


def chosen(cells, method):
    """The weights that a method's sweep chose."""
    rows = sweep_rows(cells, method, "T")
    return [row["weight"] for row in rows if row["chosen"]]


def results(cells_folder, out, config=CONFIG, planned=()):
    """Writes everything that a study's folder says."""
    path = cells_folder.parent / "references.json"
    references = json.loads(path.read_text()) if path.is_file() else {}
    cells = read_cells(cells_folder)
    return write_results(cells, config, out, references, planned)


def test_known_effects_are_named_as_what_they_are(tmp_path):
    found = effects_of(write_study(tmp_path), ("si_sdr",))
    expected = {
        "Selection, inside DFKD": "better",
        "A worse loss": "worse",
        "Nothing changed": "not distinguishable",
        "Best against no teacher": "better",
        "Other patches": "not yet run",
    }
    for name, verdict in expected.items():
        assert found[name, "pesq"].verdict == verdict
    assert found["A worse loss", "si_sdr"].verdict == "shown"  # no claim


def test_one_seed_makes_no_claim_and_keeps_the_size_of_the_family(tmp_path):
    cells = write_study(tmp_path)
    for path in cells.glob("T_harmful_*"):
        if "_s1_" not in path.name:
            path.unlink()
    found = effects_of(cells)
    alone = found["A worse loss", "pesq"]
    assert (alone.verdict, alone.holm_p) == ("one seed", None)
    claims = [e for e in found.values() if e.holm_p is not None]
    least = min(claims, key=lambda e: e.difference.p_value)
    assert least.holm_p == pytest.approx(5 * least.difference.p_value)


def test_the_best_method_is_that_of_validation(tmp_path):
    valid = {**EFFECTS, "picked": 0.0, "same": 0.5, "harmful": 0.9}
    cells = read_cells(write_study(tmp_path, valid=valid))
    assert best_method(cells, "T", controls=["harmful"]) == "same"
    assert best_method(cells, "T") == "harmful"
    assert best_method(cells, "another") is None


def test_methods_are_ranked_on_the_seeds_that_all_have(tmp_path):
    for method, pesq in (("steady", (2.2, 1.0)), ("lucky", (2.1,))):
        for seed, value in enumerate(pesq, start=1):
            rows = {"valid": {"u0": {"pesq": value}}}
            write_cell(tmp_path, method, seed, rows)
    assert best_method(read_cells(tmp_path), "T") == "steady"


def test_the_weight_or_share_is_chosen_on_validation(tmp_path):
    cells = write_study(tmp_path)
    for share, pesq in ((0.3, 2.0), (0.5, 2.1)):
        more = {"weight": None, "distillation_share": share, "stage": "sweep"}
        rows = {"valid": {"u": {"pesq": pesq}}}
        write_cell(cells, "same", int(10 * share), rows, **more)
    assert chosen(read_cells(cells), "all") == [{"distillation_weight": 0.1}]
    assert chosen(read_cells(cells), "same") == [{"distillation_share": 0.5}]
    assert chosen(read_cells(cells), "picked") == []  # was not swept


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"name": "odd", "better": "l2"}, "than"),
        ({**QUESTIONS[0], "worse": "l2"}, "worse"),
        ({**QUESTIONS[0], "metric": "peskq"}, "peskq"),
        (QUESTIONS[1], QUESTIONS[1]["name"]),
    ],
)
def test_a_faulty_comparison_is_named(entry, named):
    with pytest.raises(ValueError, match=named):
        comparisons_of([QUESTIONS[1], entry])


def test_faulty_cells_are_named(tmp_path):
    cells = write_study(tmp_path)
    (cells / "half.json").write_text('{"cell": ')
    with pytest.raises(ValueError, match="half.json"):
        read_cells(cells)
    (cells / "half.json").write_text('{"cell": "half"}')
    with pytest.raises(ValueError, match="half.json.*seed"):
        read_cells(cells)
    (cells / "half.json").unlink()
    write_cell(cells, "all", 1, {}, weight=0.7)
    with pytest.raises(ValueError, match="w0.7"):
        read_cells(cells)


def test_the_page_says_everything_and_can_be_written_again(tmp_path):
    cells = write_study(tmp_path, students=("T", "large"))
    planned = [path.stem for path in cells.glob("*.json")] + ["T_later_s1"]
    written = results(cells, tmp_path / "out", planned=planned)
    first = {path: path.read_bytes() for path in written}
    page = written[0].read_text(encoding="utf-8")
    for question in QUESTIONS:
        assert page.count(f"**{question['name']}**") == 4  # students x sets
    assert "DFKD + DISPatch" in page and "T_later_s1" in page
    for name, level in (("noisy", "1.50"), ("teacher", "3.00")):
        assert page.count(f"| {name} |  | {level} |") == 4
    assert "STOI" not in page  # no cell has it
    with Image.open(written[-1]) as image:  # fits a page, on white
        assert image.width == 1280
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert results(cells, tmp_path / "out", planned=planned) == written
    assert first == {path: path.read_bytes() for path in written}


def test_tables_hold_the_cells_means(tmp_path):
    cells = write_study(tmp_path)
    path = next(cells.glob("T_all_*_s2_*"))
    cell = json.loads(path.read_text())
    cell["scores"]["easy"]["u0"]["pesq"] = {"error": "silent"}
    path.write_text(json.dumps(cell))
    results(cells, tmp_path)
    with open(tmp_path / "scores.csv", newline="") as file:
        rows = {
            (row["cell"], row["set"], row["metric"]): row
            for row in csv.DictReader(file)
        }
    row = rows[cell["cell"], "easy", "pesq"]
    values = [r["pesq"] for u, r in cell["scores"]["easy"].items() if u != "u0"]
    assert float(row["mean"]) == pytest.approx(np.mean(values))
    assert (row["utterances"], row["failed"]) == ("11", "1")
    with open(tmp_path / "comparisons.csv", newline="") as file:
        effects = list(csv.DictReader(file))
    assert len(effects) == len(QUESTIONS) * 2 * 2  # sets x metrics
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "(1 failed)" in page and "Caution" not in page
    rows = {"valid": {"u0": {"pesq": 2.0}}}
    write_cell(cells, "longer", 1, rows, steps=900)
    results(cells, tmp_path)
    assert "600, 900" in (tmp_path / "RESULTS.md").read_text("utf-8")


def test_a_study_that_has_not_begun_lists_its_questions(tmp_path):
    config = {**CONFIG, "students": ["T"], "test_sets": ["easy"]}
    page = results(tmp_path / "cells", tmp_path, config)[0].read_text()
    for question in QUESTIONS:
        assert question["name"] in page
    assert page.count("not yet run.") == len(QUESTIONS)
