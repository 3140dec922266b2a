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
from tiny_run import RATE, files_of, make_run, read_json, write_json, write_log

from dispatch_sb.data import read_audio, write_audio
from dispatch_sb.losses import DFKD, DistillationLoss, MagnitudeL2, TopGap
from dispatch_sb.report import build_report, save_overview
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

    def handle_starttag(self, tag, attributes):
        """Remembers an element."""
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        """Remembers an element that closes itself, as SVG has them."""
        self.elements.append((tag, dict(attributes)))

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

    @property
    def text(self):
        """Everything that is shown."""
        return " ".join(" ".join(self.words).split())


def build(run, **options) -> tuple[str, Page]:
    """Builds a page and parses it."""
    path = build_report(Run(run), test_files=files_of(run), **options)
    assert path == run / "report.html"
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
    folder = tmp_path_factory.mktemp("full")
    run = make_run(folder, metrics=("pesq", "si_sdr"))
    write_log(run)
    settings = run / "hyperparams.yaml"
    settings.write_text("seed: 1234\nhome: https://example.org\n")
    text, page = build(run, distillation_loss=dispatch_loss())
    return run, text, page


def test_all_parts_are_there(full):
    _, _, page = full
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"scores", "training", "examples", "details"} <= set(ids)
    labels = [a["aria-label"] for a in page.all("svg")]
    assert all(labels)
    assert sum(label.startswith("Spectrogram") for label in labels) == 12
    assert sum(label.startswith("Knowledge gap") for label in labels) == 12
    assert any(label.startswith("Patches selected") for label in labels)
    for words in ("DFKD with MSSP", "1234", "PESQ-WB", "SI-SDR", "Flavour"):
        assert words.lower() in page.text.lower()
    assert "Not in this report" not in page.text


def test_examples_are_best_median_and_worst_in_this_order(full):
    _, _, page = full
    found = re.findall(r"\b(best|median|worst) ([abc])\b", page.text)
    assert found == [("best", "a"), ("median", "c"), ("worst", "b")]


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
    assert len(players) == 12
    assert all("controls" in a and a["aria-label"] for a in players)
    kind, code = players[1]["src"].split(",")
    assert kind == "data:audio/flac;base64"
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(code)))
    path = run / "enhanced" / "student" / "a.wav"
    assert rate == RATE
    np.testing.assert_allclose(heard, read_audio(path), atol=1 / 32768)


def test_table_has_headers_for_rows_and_columns(full):
    _, _, page = full
    scopes = [a.get("scope") for a in page.all("th")]
    assert scopes.count("row") == 4 and None not in scopes
    assert "2.00" in page.text or "1.83" in page.text
    assert "Student − noisy" in page.text


def test_the_same_run_gives_the_same_bytes(run):
    options = {"examples": 1, "distillation_loss": dispatch_loss()}
    assert build(run, **options)[0] == build(run, **options)[0]


def test_empty_run_says_what_is_missing(run, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    _, page = build(folder, examples=1)
    for words in ("scores.json", "training.jsonl", "hyperparams.yaml"):
        assert f"there is no {words}" in page.text
    assert "student/a.wav does not exist" in page.text
    assert len(page.all("audio")) == 2  # noisy and clean are there


def test_a_baseline_needs_no_teacher(run):
    path = run / "scores.json"
    scores = read_json(path)
    del scores["teacher"]
    for file in scores["files"].values():
        del file["teacher"]
    write_json(path, scores)
    _, page = build(run, examples=1)
    labels = [a["aria-label"] for a in page.all("audio")]
    assert labels == ["c, noisy", "c, student", "c, clean"]
    assert "Teacher: it has no scores" in page.text
    assert "Knowledge Gap" not in page.text


def test_failed_metrics_are_counted_and_explained(run):
    path = run / "scores.json"
    scores = read_json(path)
    scores["files"]["b"]["student"]["pesq"] = {"error": "silent <file>"}
    scores["student"]["pesq"].update(n=2, failed=1)
    scores["teacher"]["pesq"] = {"mean": None, "ci95": [None, None], "n": 0}
    for number in range(60):
        failed = {"student": {"pesq": {"error": "too short"}}}
        scores["files"][f"short-{number}"] = failed
    write_json(path, scores)
    text, page = build(run, examples=2)
    assert "1 failed" in page.text
    assert "b, student, PESQ-WB: silent <file>" in page.text.replace(" ,", ",")
    assert "<file>" not in text
    assert "Failed measurements: 61" in page.text
    assert page.text.count(": too short") == 49
    assert "and 11 more, see scores.json" in page.text
    assert "worst c" in page.text  # b has no gain, so it is not ranked


def test_names_cannot_become_html(tmp_path):
    name = "<b onload=x>&\"'"
    run = make_run(tmp_path, {name: (1.0, 2.0, 3.0)})
    path = run / "scores.json"
    scores = read_json(path)
    script = "<script>alert(1)</script>"
    scores["student"][script] = {"mean": 1.0}
    scores["files"][name]["student"][script] = {"error": script}
    scores["flavours"] = {"pesq": script}
    scores["differences"] = {script: {}}
    scores["method"] = scores[script] = script
    write_json(path, scores)
    log = {"epoch": 1, "train": {"loss": 1.0, script: 1.0}}
    (run / "training.jsonl").write_text(json.dumps(log))
    settings = run / "hyperparams.yaml"
    settings.write_text(f"x: </pre>{script}")
    text, page = build(run, title=script)
    assert len(page.all("script")) == 1  # the page's own
    assert "<b onload" not in text and "<script>alert" not in text
    # In the title, heading, two tables, failures, flavours, facts, settings.
    assert page.text.count(script) == 13
    assert f"{name}, noisy" in [a["aria-label"] for a in page.all("audio")]


def test_damaged_log_lines_and_repeated_epochs(run):
    write_log(run)
    log = run / "training.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines, lines[-1], lines[0][:20]]))
    _, page = build(run, examples=0)
    assert "3 epochs" in page.text
    assert "1 damaged lines of training.jsonl left out" in page.text


def test_damaged_scores_leave_the_rest_standing(run):
    write_log(run)
    (run / "scores.json").write_text('{"noisy": ')
    _, page = build(run, examples=0)
    assert "scores.json cannot be read" in page.text
    assert any("Total loss" in a["aria-label"] for a in page.all("svg"))


def test_damaged_audio_is_named(run):
    path = run / "enhanced" / "student" / "c.wav"
    write_audio(path, np.full(9600, np.nan))
    _, page = build(run, examples=1, distillation_loss=dispatch_loss())
    assert "c.wav holds NaN or infinity" in page.text
    assert len(page.all("audio")) == 3


def test_loss_of_another_rate_draws_no_map(run):
    loss = DistillationLoss(MagnitudeL2(), TopGap(0.8), sample_rate=8000)
    _, page = build(run, examples=1, distillation_loss=loss)
    assert "the loss works at 8000 Hz, this file has 16000 Hz" in page.text


def test_loud_and_long_files_stay_below_five_megabytes(tmp_path):
    run = make_run(tmp_path, seconds=7.0)
    generator = np.random.default_rng(1)
    for path in sorted(tmp_path.rglob("*.wav")):
        write_audio(path, generator.uniform(-1.5, 1.5, 7 * RATE))
    text, page = build(run)
    assert len(page.all("audio")) == 12
    assert len(text) < 5_000_000  # white noise: nothing is larger
    assert "The first 5.0 s of 7.0 s" in page.text
    assert "All players are 0.67 times as loud" in page.text


def test_wrong_arguments_are_refused(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="test.json"):
        build_report(Run(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="examples is -1"):
        build_report(Run(run), examples=-1)


def test_without_matplotlib_the_remedy_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'"dispatch-sb\[report\]"'):
        build_report(Run(run), test_files=files_of(run))
    assert not (run / "report.html").exists()


def test_overview_is_a_picture_of_the_median_file(run, tmp_path):
    files = files_of(run)
    path = tmp_path / "o.png"
    save_overview(Run(run), dispatch_loss(), path, files)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for path in run.parent.rglob("c.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="c.wav does not exist"):
        save_overview(Run(run), None, path, files)
