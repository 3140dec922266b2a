"""The page of a run: complete, self-contained, safe, and patient.

Authors
 * The dispatch-sb contributors, 2026
"""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from tiny_run import RATE, change_scores, files_of, make_run, write_log

from dispatch_sb.data import read_audio, write_audio
from dispatch_sb.losses import DFKD, DistillationLoss, MagnitudeL2, TopGap
from dispatch_sb.report import build_report, save_overview
from dispatch_sb.report.examples import choose, read_examples
from dispatch_sb.report.numbers import flatten, heading_facts, headline
from dispatch_sb.report.render import render
from dispatch_sb.runs.run import Run

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page; refuses tags that do not match."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        """Remembers an element."""
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Checks that the innermost element ends first."""
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        """Remembers what is shown, but neither styles nor scripts."""
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def all(self, tag):
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def labels(self, tag):
        """What every element of a kind says to those who do not see it."""
        return [attributes["aria-label"] for attributes in self.all(tag)]


def build(run, **options) -> tuple[str, Page]:
    """Builds a page and parses it."""
    path = build_report(Run(run), test_files=files_of(run), **options)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def dispatch_loss():
    """The loss of the main recipe."""
    return DistillationLoss(DFKD(patch_bins=(10, 40)), TopGap(0.8))


@pytest.fixture()
def run(tmp_path):
    """A run without training log."""
    return make_run(tmp_path)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A page with everything, built once."""
    run = make_run(tmp_path_factory.mktemp("full"), metrics=("pesq", "si_sdr"))
    write_log(run)
    settings = run / "hyperparams.yaml"
    settings.write_text("seed: 1234\nhome: https://example.org\n")
    return run, *build(run, distillation_loss=dispatch_loss())


def test_all_parts_are_there(full):
    page = full[2]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"scores", "training", "examples", "details"} <= set(ids)
    labels = page.labels("svg")
    assert all(labels)
    assert sum(label.startswith("Spectrogram") for label in labels) == 12
    assert sum(label.startswith("Knowledge gap") for label in labels) == 12
    assert any(label.startswith("Patches selected") for label in labels)
    for words in ("DFKD with MSSP", "1234", "PESQ-WB", "SI-SDR", "Flavour"):
        assert words.lower() in page.text.lower()
    assert "Not in this report" not in page.text
    found = re.findall(r"\b(best|median|worst) ([abc])\b", page.text)
    assert found == [("best", "a"), ("median", "c"), ("worst", "b")]


def test_tables_hold_means_intervals_and_paired_differences(full):
    run, _, page = full
    scopes = [a.get("scope") for a in page.all("th")]
    assert scopes.count("row") == 4 and None not in scopes
    scores = Run(run).scores
    plain, signed = "{:.2f} {:.2f} to {:.2f}", "{:+.2f} {:+.2f} to {:+.2f}"
    differences = scores["differences"].values()
    for form, columns in (
        (plain, [scores[name] for name in ("noisy", "student", "teacher")]),
        (signed, differences),
    ):
        cells = [
            form.format(c["pesq"]["mean"], *c["pesq"]["ci95"]) for c in columns
        ]
        row = " ".join(["PESQ-WB", *cells]).replace("-", "−")
        assert row.replace("PESQ−WB", "PESQ-WB") in page.text


def test_nothing_refers_to_anything_outside(full):
    _, text, page = full
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "poster", "srcset", "action"):
            assert re.match(r"data:|#|$", attributes.get(name, ""))
    assert not re.search(r"url\((?!#)|@import|<link|<iframe", text)
    assert text.count("http") == 2  # http-equiv, and the settings' own text
    assert "home: https://example.org" in page.text


def test_players_hold_the_very_samples(full):
    run, _, page = full
    players = page.all("audio")
    assert len(players) == 12 and all("controls" in a for a in players)
    kind, code = players[1]["src"].split(",")
    assert kind == "data:audio/flac;base64"
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(code)))
    path = run / "enhanced" / "student" / "a.wav"
    assert rate == RATE
    np.testing.assert_allclose(heard, read_audio(path), atol=1 / 32768)


def test_empty_run_says_what_is_missing(run, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    _, page = build(folder, examples=1)
    for words in ("scores.json", "training.jsonl", "hyperparams.yaml"):
        assert words in page.text
    assert "student/a.wav" in page.text
    assert page.labels("audio") == ["a, noisy", "a, clean"]


def test_a_baseline_needs_no_teacher(run):
    with change_scores(run) as scores:
        del scores["teacher"]
        for file in scores["files"].values():
            del file["teacher"]
    _, page = build(run, examples=1)
    assert page.labels("audio") == ["c, noisy", "c, student", "c, clean"]
    assert "Teacher: it has no scores" in page.text
    assert "Knowledge Gap" not in page.text


def test_failed_metrics_are_counted_and_explained(run):
    with change_scores(run) as scores:
        scores["files"]["b"]["student"]["pesq"] = {"error": "silent <file>"}
        scores["student"]["pesq"].update(n=2, failed=1)
        scores["teacher"]["pesq"] = {"mean": None, "ci95": [None, None], "n": 0}
        for number in range(60):
            failed = {"student": {"pesq": {"error": "too short"}}}
            scores["files"][f"short-{number}"] = failed
    text, page = build(run, examples=2)
    assert "1 failed" in page.text
    assert "b, student, PESQ-WB: silent <file>" in page.text.replace(" ,", ",")
    assert "<file>" not in text
    assert "Failed measurements: 61" in page.text
    assert page.text.count(": too short") == 49 and "11 more" in page.text
    assert "worst c" in page.text  # b has no gain, so it is not ranked


def test_names_cannot_become_html(tmp_path):
    name, script = "<b onload=x>&\"'", "<script>alert(1)</script>"
    run = make_run(tmp_path, {name: (1.0, 2.0, 3.0)})
    with change_scores(run) as scores:
        scores["student"][script] = {"mean": 1.0}
        scores["files"][name]["student"][script] = {"error": script}
        scores["flavours"] = {"pesq": script}
        scores["differences"] = {script: {}}
        scores["method"] = scores[script] = script
    log = {"epoch": 1, "train": {"loss": 1.0, script: 1.0}}
    (run / "training.jsonl").write_text(json.dumps(log))
    (run / "hyperparams.yaml").write_text(f"x: </pre>{script}")
    text, page = build(run, title=script)
    assert len(page.all("script")) == 1  # the page's own
    assert "<b onload" not in text and "<script>alert" not in text
    # In the title, heading, two tables, failures, flavours, facts, settings.
    assert page.text.count(script) == 13
    assert f"{name}, noisy" in page.labels("audio")


def test_damage_leaves_the_rest_standing(run):
    write_log(run)
    log = run / "training.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines, lines[-1], lines[0][:20]]))
    (run / "scores.json").write_text('{"noisy": ')
    write_audio(run / "enhanced" / "student" / "a.wav", np.full(9600, np.nan))
    loss = dispatch_loss()
    _, page = build(run, examples=1, distillation_loss=loss)
    assert "3 epochs" in page.text and "1 damaged lines" in page.text
    assert "Scores: scores.json" in page.text
    assert any("Total loss" in label for label in page.labels("svg"))
    assert "a.wav holds NaN" in page.text
    assert len(page.all("audio")) == 3


def test_loss_of_another_rate_draws_no_map(run):
    loss = DistillationLoss(MagnitudeL2(), TopGap(0.8), sample_rate=8000)
    _, page = build(run, examples=1, distillation_loss=loss)
    assert "No knowledge-gap map" in page.text and "8000 Hz" in page.text


def test_loud_and_long_files_stay_below_five_megabytes(tmp_path):
    run = make_run(tmp_path, seconds=7.0)
    generator = np.random.default_rng(1)
    for path in sorted(tmp_path.rglob("*.wav")):
        write_audio(path, generator.uniform(-1.5, 1.5, 7 * RATE))
    text, page = build(run)
    assert len(page.all("audio")) == 12
    assert len(text) < 5_000_000  # white noise: nothing is larger
    assert "The first 5.0 s of 7.0 s" in page.text
    assert "0.67 times as loud" in page.text


def test_wrong_arguments_are_refused(run, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="test.json"):
        build_report(Run(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="examples is -1"):
        build_report(Run(run), examples=-1)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'"dispatch-sb\[report\]"'):
        build(run)
    assert not (run / "report.html").exists()


def test_overview_is_a_picture_of_the_median_file(run, tmp_path):
    files, path = files_of(run), tmp_path / "o.png"
    save_overview(Run(run), dispatch_loss(), path, files)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for path in run.parent.rglob("c.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="c.wav"):
        save_overview(Run(run), None, path, files)


@pytest.mark.parametrize(
    "count, chosen, ranks",
    [
        (0, "", ""),
        (1, "d", "median"),
        (2, "fa", "best,worst"),
        (3, "fda", "best,median,worst"),
        (9, "fedcba", "best,2 of 6,median,4 of 6,5 of 6,worst"),
    ],
)
def test_examples_are_chosen_by_rank(count, chosen, ranks):
    gain = {name: float(place) for place, name in enumerate("abcdef")}
    assert choose(gain, count) == dict(zip(chosen, ranks.split(",")))


def test_ties_are_broken_by_name_and_few_files_shown_once():
    tied = choose({"b": 1.0, "a": 1.0, "c": 1.0})
    assert tied == {"a": "best", "b": "median", "c": "worst"}
    assert list(choose({"only": 0.1}, 3)) == ["only"]
    assert choose({}, 3) == {}


@pytest.mark.parametrize(
    ("gain", "teacher", "words"),
    [
        ([0.5, 0.6, 0.4], 1.0, "is better than.*gains .1.00;.* 50 %"),
        ([-0.5, -0.6, -0.4], 1.0, "is worse than.*−0.50.*gains .1.00\\.$"),
        ([0.5, -0.5, 0.1], None, "does not clearly differ from"),
        ([0.5], None, "interval unknown"),
        ([], None, "no PESQ scores"),
    ],
)
def test_headline_says_it_for_better_or_worse(tmp_path, gain, teacher, words):
    files = {}
    for name, value in zip("abc", gain):
        files[name] = {"noisy": {"pesq": 2.0}, "student": {"pesq": 2 + value}}
        if teacher is not None:
            files[name]["teacher"] = {"pesq": 2 + teacher}
    (tmp_path / "scores.json").write_text(json.dumps({"files": files}))
    page = render("report/headline.html", headline=headline(Run(tmp_path)))
    assert re.search(words, " ".join(page.replace("&nbsp;", " ").split()))


def test_signals_of_an_example_get_one_length_and_one_rate(run):
    entry = files_of(run)["c"]
    write_audio(entry["clean_wav"], read_audio(entry["clean_wav"])[:800])
    student = run / "enhanced" / "student" / "c.wav"
    write_audio(student, read_audio(student), 8000)
    (example,) = read_examples(Run(run), {"c": entry}, 1)
    assert {k: len(v) for k, v in example.signals.items()} == dict.fromkeys(
        ("noisy", "teacher", "clean"), 800
    )
    (problem,) = example.missing
    assert str(student) in problem and "8000 Hz" in problem


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
