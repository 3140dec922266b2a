"""Systems side by side: schema, failures, resuming, the table's text; and
quick scores during training.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os

import numpy as np
import pytest
import soundfile

from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring import (
    ALL,
    chosen_metrics,
    format_table,
    pesq_wb,
    score_systems,
    si_sdr,
    summarise,
    validation_scores,
)
from dispatch_sb.scoring.journal import ScoreJournal
from dispatch_sb.scoring.scoreboard import score_files

QUICK = ("pesq", "stoi", "si_sdr")


@pytest.fixture(scope="module")
def pool():
    """One process for the module."""
    with WorkerPool(1) as pool:
        yield pool


def score(items, pool, metrics=QUICK, **options):
    """Without the bar, few resamples."""
    return score_systems(
        items, None, metrics, False, pool=pool, resamples=100, **options
    )


def test_means_differences_and_their_table(items, pool):
    scores = score(items[:2], pool)
    for metric in QUICK:
        files = {
            system: [scores["files"][n][system][metric] for n in "ab"]
            for system in ("noisy", "student", "teacher")
        }
        for system, values in files.items():
            summary = scores[system][metric]
            assert (summary["n"], summary["failed"]) == (2, 0)
            assert summary["mean"] == pytest.approx(np.mean(values))
            assert summary["ci95"] == pytest.approx(sorted(values))
        means = [scores[system][metric]["mean"] for system in files]
        assert means == sorted(means)
        gain = scores["differences"]["student - noisy"][metric]
        each = np.subtract(files["student"], files["noisy"])
        assert gain["mean"] == pytest.approx(each.mean())
        assert gain["ci95"] == pytest.approx(sorted(each))
    assert "student - teacher" in scores["differences"]
    lines = format_table(scores).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["noisy", "student", "teacher"]
    for told in ("95 %", "student - noisy", "SI-SDR (dB)", "pesq 0.0.4"):
        assert told in "\n".join(lines)
    assert "failed" not in "\n".join(lines)


def break_files(items):
    """Silent student, wrong rate, stereo, cut and missing files."""
    student = [item["systems"]["student"] for item in items]
    teacher = [item["systems"]["teacher"] for item in items]
    signal, _ = soundfile.read(student[0], dtype="float32")
    soundfile.write(student[0], 0 * signal, 16000, "FLOAT")
    soundfile.write(student[1], signal, 8000, "FLOAT")
    os.remove(student[2])
    soundfile.write(teacher[0], np.stack([signal, signal], 1), 16000, "FLOAT")
    soundfile.write(teacher[1], signal[:-100], 16000, "FLOAT")
    teacher[2].write_bytes(teacher[2].read_bytes()[:30])


def test_failures_have_reasons_are_counted_and_in_no_mean(items, pool):
    break_files(items)
    scores = score(items, pool)
    assert scores["noisy"]["pesq"]["n"] == 3
    for system in ("student", "teacher"):
        for summary in scores[system].values():
            assert (summary["n"], summary["failed"]) == (0, 3)
            assert summary["mean"] is None
    reasons = [
        scores["files"][name][system]["pesq"]["error"]
        for system in ("student", "teacher")
        for name in "abc"
    ]
    expected = ("estimate", "8000", "c.wav", " 2 ", "samples", "c.wav")
    for reason, part in zip(reasons, expected):
        assert part in reason
    table = format_table(scores)
    assert "*" in table and "3 of 3" in table and reasons[0] in table
    json.dumps(scores, allow_nan=False)


def test_each_of_several_teachers_is_compared_with_the_student():
    names = ("noisy", "student", "teacher_1", "teacher_2")
    rows = {name: {"pesq": float(n)} for n, name in enumerate(names)}
    differences = summarise({"a": rows}, ("pesq",))["differences"]
    means = {pair: row["pesq"]["mean"] for pair, row in differences.items()}
    assert means == {
        "student - noisy": 1.0,
        "student - teacher_1": -1.0,
        "student - teacher_2": -2.0,
    }


def one_dies(reference, estimate, metrics):
    """Scores, in a process that one file kills."""
    if estimate.endswith("student/b.wav"):
        os.kill(os.getpid(), 9)
    return score_files(reference, estimate, metrics)


def test_a_killed_worker_loses_only_its_file(items, pool, monkeypatch):
    monkeypatch.setattr("dispatch_sb.scoring.scoreboard.score_files", one_dies)
    scores = score(items, pool, ("si_sdr",))
    assert "SIGKILL" in scores["files"]["b"]["student"]["si_sdr"]["error"]
    counts = [scores[s]["si_sdr"]["n"] for s in ("noisy", "student", "teacher")]
    assert counts == [3, 2, 3] and scores["student"]["si_sdr"]["failed"] == 1
    others = [scores["files"][n]["student"]["si_sdr"] for n in "ac"]
    assert scores["student"]["si_sdr"]["mean"] == pytest.approx(np.mean(others))
    assert scores["differences"]["student - noisy"]["si_sdr"]["n"] == 2


def lines_of(journal):
    """The lines of a journal, less the empty ones between them."""
    return list(filter(None, journal.read_text().splitlines()))


def test_only_what_no_run_has_scored_is_scored(items, pool, tmp_path):
    """Found again by content; a cut line and a changed file are not."""
    journal = tmp_path / "run" / "scores.jsonl"
    first = score(items, pool, ("si_sdr",), journal=journal)
    assert len(lines_of(journal)) == 9
    journal.write_text(journal.read_text()[:-20])  # an interruption
    noisy = [item["systems"]["noisy"] for item in items]
    signals = [soundfile.read(path, dtype="float32")[0] for path in noisy]
    changed = items[0]["systems"]["student"]
    soundfile.write(changed, 0.9 * signals[0], 16000, "FLOAT")
    for item, signal in zip(items, signals):  # another run's, with a header
        copy = tmp_path / "run" / f"{item['id']}.aiff"
        soundfile.write(copy, signal, 16000, "FLOAT", format="AIFF")
        item["systems"]["noisy"] = copy
    second = score(items, pool, ("si_sdr",), journal=journal)
    assert len(lines_of(journal)) == 9 + 2
    assert second["noisy"] == first["noisy"]
    assert second["student"] != first["student"]
    with WorkerPool(1) as unused:
        third = score(items, unused, ("si_sdr",), journal=journal)
        assert unused.process_ids() == []  # nothing was left to compute
    assert third == second
    more = score(items, pool, ("stoi", "si_sdr"), journal=journal)
    assert more["noisy"]["si_sdr"] == first["noisy"]["si_sdr"]
    added = [json.loads(line)["scores"] for line in lines_of(journal)[11:]]
    assert [set(scores) for scores in added] == [{"stoi"}] * 9


def test_another_flavour_is_another_score(items, pool, tmp_path, monkeypatch):
    cache = tmp_path / "scores.jsonl"
    score(items[:1], pool, ("si_sdr",), journal=cache)
    monkeypatch.setattr(
        "dispatch_sb.scoring.journal.flavours", lambda: {"pesq": "pesq 9.9"}
    )
    score(items[:1], pool, ("si_sdr",), journal=cache)
    assert len(lines_of(cache)) == 6


def test_journals_of_one_file_lose_nothing_to_each_other(tmp_path):
    path = tmp_path / "scores.jsonl"
    one, other = ScoreJournal(path), ScoreJournal(path)
    for number in range(50):
        one.add(f"one {number}", {"pesq": 1.0})
        other.add(f"other {number}", {"pesq": 2.0})
    kept = ScoreJournal(path)
    for number in range(50):
        assert kept.get(f"one {number}", ("pesq",)) == {"pesq": 1.0}
        assert kept.get(f"other {number}", ("pesq",)) == {"pesq": 2.0}


def test_metrics_are_chosen_by_name_or_group():
    assert chosen_metrics(None) == ALL
    assert chosen_metrics("si_sdr, pesq,pesq") == ("pesq", "si_sdr")
    assert chosen_metrics(["composite"]) == ("csig", "cbak", "covl")
    for wrong in ("pesk", ["pesq", "wer"], [], ""):
        with pytest.raises(ValueError, match="metrics.*dnsmos"):
            chosen_metrics(wrong)


@pytest.mark.parametrize(
    "systems, named",
    [
        ([], None),
        ([{}, {}], r"\ba\b"),
        ([{"files": "x.wav"}], r"\bfiles\b"),
        ([{"wer": "x.wav"}], r"\bwer\b"),
    ],
)
def test_impossible_requests_are_refused(systems, named):
    items = [{"id": "a", "clean": "a.wav", "systems": s} for s in systems]
    with pytest.raises(ValueError, match=named):
        score_systems(items)


def test_means_are_over_the_pairs_that_have_a_score(speech, noisy, pool):
    pairs = [
        (speech(seed=s), noisy(speech(seed=s), snr))
        for s, snr in ((0, 5), (1, 15))
    ]
    clean = pairs[0][0]
    bad = [(clean, 0 * clean), (clean, np.full_like(clean, np.nan))]
    scores = validation_scores([bad[0], *pairs, bad[1]], pool=pool)
    pesq = np.mean([pesq_wb(*pair, 16000) for pair in pairs])
    assert scores["pesq"] == pytest.approx(pesq)
    assert scores["si_sdr"] == pytest.approx(
        np.mean([si_sdr(*p) for p in pairs])
    )
    assert scores["failed"] == {"pesq": 2, "si_sdr": 2}
    assert type(scores["pesq"]) is float and type(scores["si_sdr"]) is float


def test_without_any_score_the_worst_is_reported(speech, pool, caplog):
    clean = speech()
    for pairs in ([], [(clean, 0 * clean)]):
        scores = validation_scores(pairs, pool=pool)
        assert (scores["pesq"], scores["si_sdr"]) == (1.0, -100.0)
    assert "estimate" in caplog.text
