"""The recipe as a user runs it: train, interrupt, resume, score, report."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from programs import RECIPE, run, start, train, training
from speechbrain.inference.enhancement import WaveformEnhancement

from dispatch_sb import load_student
from dispatch_sb.cli import main
from dispatch_sb.data import read_audio
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.runs.run import Run


@pytest.fixture(scope="module")
def options(corpus, teacher):
    """What a distillation of two epochs is told."""
    words = ("--data_folder", corpus, "--valid_speakers", "[p287]")
    words += ("--metrics", "[pesq,si_sdr]", "--number_of_epochs", 2)
    return (*words, "--teacher_source", teacher)


@pytest.fixture(scope="module")
def finished(options, tmp_path_factory):
    """A finished run's folder and what it printed."""
    output = tmp_path_factory.mktemp("run") / "dispatch"
    return output, train("dispatch", output, *options)


def test_a_run_is_complete(finished):
    """Scores, report, log and checkpoint are there, the table is printed."""
    run = Run.open(finished[0])
    for system in ("noisy", "student", "teacher"):
        pesq = run.scores[system]["pesq"]
        assert pesq["n"] + pesq["failed"] == 3
        assert pesq["ci95"][0] <= pesq["mean"] <= pesq["ci95"][1]
    assert "PESQ" in finished[1] and "report.html" in finished[1]
    for name in ("report.html", "overview.png"):
        assert (run.folder / name).stat().st_size > 10_000


def test_a_run_notes_what_it_was_made_of(finished, corpus):
    """Nobody has to guess later: command, data, teacher, weights."""
    run = Run.open(finished[0])
    record, hashes = run.record, run.scores["weights_sha256"]
    assert record["seed"] == run.scores["seed"] == 1986
    assert "--number_of_epochs 2" in record["command"]
    assert record["corpus"]["data"][0]["folder"] == corpus.name
    assert record["teacher"]["weights_sha256"] == hashes["teacher"]
    assert run.facts["teacher"]["source"].endswith("tiny")
    noted = record["manifests"]["test"]["sha256"]
    assert noted == run.scores["test_manifest_hash"]
    assert all(Path(e["clean_wav"]).is_file() for e in run.test_files.values())


def test_every_term_is_logged(finished):
    """Each epoch names its loss terms, the shares, the gaps and PESQ."""
    log = Run.open(finished[0]).epochs
    assert [row["epoch"] for row in log] == [1, 2]
    terms = log[-1]["train"]
    assert 0 < terms["selected_share_low"] <= 1
    assert 0 < terms["selected_share_high"] <= 1
    assert {"mean_gap_low", "mean_gap_high"} <= set(terms)
    weight = (terms["loss"] - terms["supervised"]) / terms["distillation"]
    assert weight == pytest.approx(terms["effective_weight"], rel=0.5)
    assert 1 <= log[-1]["valid"]["pesq"] <= 4.64
    assert all(s["hours_per_minute"] > 0 for s in Run(finished[0]).speeds)
    assert finished[1].count("hours of audio per minute") == 2


def test_a_run_becomes_a_model(finished, corpus, tmp_path, capsys):
    """Its folder gives the run's own output, is scored like a run, and its
    card tells where it came from; without its data it is not shared."""
    done, model = Run.open(finished[0]), tmp_path / "model"
    card = tmp_path / "card.yaml"
    words = ["export", str(done.folder), str(model), "--card", str(card)]
    card.write_text("description: Tiny.\n")
    assert main(words) == 1 and "data" in capsys.readouterr().err
    assert not model.exists()
    card.write_text("data: [{name: a, licence: CC0}]\n")
    assert main(words) == 0
    noisy = corpus / "noisy_testset_wav_16k"
    student, teacher = load_student(model), load_teacher(model)
    speechbrain = WaveformEnhancement.from_hparams(
        source=str(model), run_opts={"device": "cpu"}
    )
    for path in sorted(noisy.iterdir()):
        batch = torch.from_numpy(read_audio(path))[None]
        expected = read_audio(done.folder / "enhanced" / "student" / path.name)
        expected = torch.from_numpy(expected)
        with torch.no_grad():
            assert torch.equal(student(batch)[0], expected)
        assert torch.equal(teacher(batch)[0], expected)
        assert torch.equal(speechbrain.enhance_batch(batch)[0], expected)
        assert torch.equal(speechbrain.enhance_file(str(path)), expected)
    words = ["evaluate", str(model), "--noisy", str(noisy), "--workers", "1"]
    words += ["--clean", str(corpus / "clean_testset_wav_16k")]
    words += ["--metrics", "pesq,si_sdr"]
    assert main([*words, "--output", str(tmp_path / "scores")]) == 0
    scores = Run(tmp_path / "scores").scores["student"]
    assert scores["si_sdr"] == done.scores["student"]["si_sdr"]
    assert set(scores) == {"pesq", "si_sdr"}
    card = ModelCard.load(model / "README.md")
    found = {r.metric_type: r for r in card.data.eval_results}["pesq"]
    pesq = done.scores["student"]["pesq"]
    assert found.metric_value == pytest.approx(pesq["mean"], abs=1e-4)
    sha256 = done.scores["weights_sha256"]["teacher"]
    for words in (
        "`dispatch`",
        "1986",
        "--number_of_epochs 2",
        "`tiny`",
        sha256,
    ):
        assert words in card.text


def test_the_second_run_skips_what_is_there(finished, options):
    """Nothing is trained or scored again; the table is printed again."""
    scores = finished[0] / "scores.json"
    before = scores.stat().st_mtime_ns
    assert "PESQ" in train("dispatch", finished[0], *options)
    assert scores.stat().st_mtime_ns == before


def test_a_killed_run_goes_on(options, finished, tmp_path):
    """Killed after its first epoch, and interrupted while it is scored, a run
    ends as if nothing had been; and with its audio in memory, as if it had
    been read from files. Nobody else writes into its folder meanwhile."""
    output = tmp_path / "killed"
    options = *options, "--audio_in_memory", True
    words = training("dispatch", output, *options)
    deadline = time.monotonic() + 240
    ends = {"save/CKPT*/CKPT.yaml": signal.SIGKILL}
    ends["enhanced/student/*.wav"] = signal.SIGINT
    for sign, how in ends.items():
        process = start(words, RECIPE, [tmp_path / "out", tmp_path / "err"])
        while not any(output.glob(sign)):
            assert time.monotonic() < deadline and process.exitcode is None
            time.sleep(0.02)
        if how == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGSTOP)
            told = train("dispatch", output, *options, "--lr", 1, status=1)
            assert "another process" in told
        os.killpg(process.pid, how)
        process.join()
    assert process.exitcode == 130
    told = (tmp_path / "err").read_text()
    assert "Interrupted" in told and "Traceback" not in told
    train("dispatch", output, *options)
    assert Run(output).epochs == Run(finished[0]).epochs
    assert Run(output).scores["files"] == Run(finished[0]).scores["files"]


def test_a_damaged_checkpoint_costs_its_epoch(options, finished, tmp_path):
    """It is named, and the run ends as if nothing had been."""
    output = tmp_path / "damaged"
    shutil.copytree(finished[0], output)
    weights = max(output.glob("save/CKPT*")) / "student.ckpt"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert "student.ckpt" in train("dispatch", output, *options)
    assert Run(output).epochs == Run(finished[0]).epochs
    assert Run(output).scores["files"] == Run(finished[0]).scores["files"]


def test_without_a_checkpoint_nothing_is_scored(options, tmp_path):
    words = training("dispatch", tmp_path / "none", *options)
    printed = run(*words, "--test_only", folder=RECIPE, status=1)
    assert "--test_only" in printed and "Traceback" not in printed


def test_the_baseline_needs_no_teacher(corpus, tmp_path):
    """The same student alone: two systems in the table."""
    words = ("--data_folder", corpus, "--valid_speakers", "[p287]")
    train("baseline", tmp_path, *words, "--metrics", "[si_sdr]")
    assert Run(tmp_path).systems == ["noisy", "student"]
    assert "distillation" not in Run(tmp_path).epochs[0]["train"]


def test_own_folders_are_mixed(corpus, tmp_path):
    """Clean speech and noise of one's own are all that is needed."""
    clean = corpus / "clean_trainset_28spk_wav_16k"
    noise = corpus / "noisy_testset_wav_16k"
    words = ("--clean_folders", f"[{clean}]", "--noise_folders", f"[{noise}]")
    words += ("--mixtures_per_epoch", 8, "--own_pairs", 3)
    words += ("--data_folder", "null", "--metrics", "[si_sdr]")
    printed = train("baseline", tmp_path, *words, "--audio_in_memory", True)
    assert "memory of cpu" in printed
    done = Run.open(tmp_path)
    assert done.scores["student"]["si_sdr"]["n"] == 3
    assert [(e["use"], e["folder"]) for e in done.corpus["data"]] == [
        ("clean speech", clean.name),
        ("noise", noise.name),
    ]


def test_debug_and_low_precision(options, tmp_path):
    """SpeechBrain's run options work; debug leaves real results alone."""
    words = [*training("dispatch", tmp_path, *options), "--debug"]
    run(*words, "--precision=bf16", folder=RECIPE)
    assert (tmp_path / "debug" / "scores.json").is_file()
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize(
    "wrong, message",
    [
        (("--batchsize", "3", "--ratio", "1.5"), "(?s)'batch_size'.*ratio"),
        (("--valid_speakers", "[p999]"), "p999"),
    ],
)
def test_a_mistake_costs_seconds(options, tmp_path, wrong, message):
    """One clear sentence before anything is trained, and no traceback."""
    printed = train("dispatch", tmp_path, *options, *wrong, status=1)
    assert re.search(message, printed)
    assert "Traceback" not in printed
    assert not list(tmp_path.glob("save/CKPT*"))


def test_a_step_that_is_no_number_is_repeated(options, tmp_path):
    """It ends the run with a sentence; the file shows it again."""
    options = *options, "--lr", 1e30
    printed = train("dispatch", tmp_path / "a run", *options, status=1)
    assert "not finite" in printed and "Traceback" not in printed
    (path,) = (tmp_path / "a run").glob("replay-*.pt")
    assert str(path) in printed
    again = training("dispatch", tmp_path / "b", *options)
    printed = run(*again, "--replay", path, folder=RECIPE)
    assert "came again" in printed and "supervised: " in printed
    assert not (tmp_path / "b" / "hyperparams.yaml").exists()
