"""Which files a report shows, and what it says about them.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import numpy as np
import pytest
from tiny_run import RATE, voiced

from dispatch_sb.data import write_audio
from dispatch_sb.report.examples import choose, common_gain, read_example
from dispatch_sb.report.fact_list import flatten, heading_facts
from dispatch_sb.report.numbers import gains, series
from dispatch_sb.report.render import render
from dispatch_sb.report.tables import headline
from dispatch_sb.report.training import charts
from dispatch_sb.runs.run import Run


def run_with(folder, gain: dict, teacher: float | None = None) -> Run:
    """A run whose student gains so much on each file."""
    files = {}
    for name, value in gain.items():
        files[name] = {"noisy": {"pesq": 2.0}, "student": {"pesq": 2 + value}}
        if teacher is not None:
            files[name]["teacher"] = {"pesq": 2 + teacher}
    scores = {"files": files, "student": {"pesq": {}}}
    (folder / "scores.json").write_text(json.dumps(scores))
    return Run(folder)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {}),
        (1, {"d": "median"}),
        (2, {"f": "best", "a": "worst"}),
        (3, {"f": "best", "d": "median", "a": "worst"}),
        (9, None),
    ],
)
def test_examples_are_chosen_by_rank(count, expected):
    gain = {name: float(place) for place, name in enumerate("abcdef")}
    chosen = choose(gain, count)
    if expected is None:
        assert list(chosen) == list("fedcba")
        assert chosen["e"] == "2 of 6"
    else:
        assert chosen == expected


def test_ties_are_broken_by_name_and_few_files_shown_once():
    assert choose({"b": 1.0, "a": 1.0, "c": 1.0}) == {
        "a": "best",
        "b": "median",
        "c": "worst",
    }
    assert list(choose({"only": 0.1}, 3)) == ["only"]
    assert choose({}, 3) == {}


def test_gains_leave_out_failures_and_missing_systems():
    files = {
        "good": {"noisy": {"pesq": 1.0}, "student": {"pesq": 1.5}},
        "failed": {
            "noisy": {"pesq": 1.0},
            "student": {"pesq": {"error": "silent"}},
        },
        "absent": {"noisy": {"pesq": 1.0}},
    }
    assert gains(files) == {"good": 0.5}


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ({"a": 0.5, "b": 0.6, "c": 0.4}, "is better than"),
        ({"a": -0.5, "b": -0.6, "c": -0.4}, "is worse than"),
        ({"a": 0.5, "b": -0.5, "c": 0.1}, "does not clearly differ from"),
        ({"a": 0.5}, "interval unknown"),
        ({}, "no PESQ scores"),
    ],
)
def test_headline_says_it_for_better_or_worse(tmp_path, gain, words):
    assert words in lede(run_with(tmp_path, gain))


def test_headline_compares_with_the_teacher_only_where_both_gain(tmp_path):
    better = lede(run_with(tmp_path, {"a": 0.5, "b": 0.5}, teacher=1.0))
    assert "The teacher gains +1.00; the student reaches 50" in better
    worse = lede(run_with(tmp_path, {"a": -0.5, "b": -0.5}, teacher=1.0))
    assert "−0.50" in worse and "reaches" not in worse


def lede(run: Run) -> str:
    """The headline as the page has it."""
    page = render("report/headline.html", headline=headline(run))
    return " ".join(page.split())


def test_signals_of_an_example_get_one_length(tmp_path):
    lengths = {"noisy": 900, "clean": 800, "student": 850, "teacher": 900}
    for name, length in lengths.items():
        folder = tmp_path / "enhanced" / name
        write_audio(folder / "x.wav", voiced(0.1, 100)[:length])
    paths = {k: tmp_path / "enhanced" / k / "x.wav" for k in lengths}
    entry = {f"{k}_wav": paths.pop(k) for k in ("noisy", "clean")}
    example = read_example("x", "best", entry, paths)
    assert list(example.signals) == ["noisy", "student", "teacher", "clean"]
    assert {len(signal) for signal in example.signals.values()} == {800}
    assert example.sample_rate == RATE and example.missing == []


def test_an_example_of_two_rates_names_the_file(tmp_path):
    write_audio(tmp_path / "n.wav", voiced(0.1, 100))
    write_audio(tmp_path / "c.wav", voiced(0.1, 100), 8000)
    entry = {"noisy_wav": tmp_path / "n.wav", "clean_wav": tmp_path / "c.wav"}
    example = read_example("x", "best", entry, {})
    assert list(example.signals) == ["noisy"]
    assert "c.wav has a sample rate of 8000 Hz" in example.missing[0]


def test_players_are_turned_down_together_only_if_needed():
    quiet = {"noisy": np.array([0.5]), "clean": np.array([-0.9])}
    assert common_gain(quiet) == 1.0
    loud = common_gain({**quiet, "student": np.array([-4.0])})
    assert loud * 4.0 < 1.0


def test_facts_are_flat_and_short_on_top():
    facts = {
        "seed": 20260105,
        "parameters": {"student": 22451, "teacher": 92011.0},
        "weights_sha256": {"student": "ab" * 32},
        "teacher_source": "/very/long" * 9 + "/teacher",
        "date": "2026-01-05T12:00:00+00:00",
    }
    top = heading_facts(facts)
    assert top["parameters, student"] == "22,451"
    assert top["seed"] == "20260105"
    assert top["date"] == "2026-01-05 12:00 UTC"
    assert top["teacher source"].endswith("/teacher")
    assert len(top["teacher source"]) < 50
    assert not any("sha256" in name for name in top)
    assert ("weights sha256, student", "ab" * 32) in flatten(facts)


def test_charts_show_what_was_logged():
    log = [
        {"epoch": 1, "train": {"loss": 1.0, "selected_share_all": 0.8}},
        {"epoch": 2, "train": {"loss": None, "extra_term": 0.5}, "valid": {}},
        {"epoch": 3, "valid": {"pesq": 2.0, "loss": float("nan")}},
    ]
    found = {chart.name: chart for chart in charts(log)}
    assert list(found) == ["loss", "terms", "share", "pesq"]
    assert found["loss"].curves["training"] == [(1, 1.0)]
    assert found["terms"].curves == {"extra term": [(2, 0.5)]}
    assert found["share"].percent
    assert found["pesq"].alt.startswith("Validation PESQ-WB: student 2 at")
    assert np.isnan(series(log, "valid", "loss")[0][1])
