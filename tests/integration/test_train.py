"""The recipe as a user runs it: train, interrupt, resume, score, report."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from speechbrain.inference.enhancement import WaveformEnhancement
from tiny_corpus import write_tiny_corpus

from dispatch_sb import load_student
from dispatch_sb.cli import main
from dispatch_sb.data import read_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.release import export_run

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"
QUICK = ["--batch_size", "2", "--segment_seconds", "1.0", "--workers", "1"]
QUICK += ["--num_workers", "0"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The tiny corpus."""
    return write_tiny_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A pretrained folder with a model that changes its input a little."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("teacher") / "tiny"
    save(FastEnhancer(channels=8), folder, card="# A teacher\n")
    return folder


def command(method, corpus, output, *options):
    """The recipe's command line."""
    words = [sys.executable, "train.py", f"hparams/{method}.yaml"]
    words += ["--data_folder", str(corpus), "--output_folder", str(output)]
    words += ["--scores_cache", str(output / "scores.jsonl")]
    if "--valid_speakers" not in options:
        words += ["--valid_speakers", "[p287]"]
    return [*words, *QUICK, *map(str, options)]


def run(*arguments, status=0):
    """Runs the recipe to its end and returns what it printed."""
    done = subprocess.run(
        command(*arguments),
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def rows(output):
    """What the training log holds."""
    lines = (output / "training.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def trained(corpus, teacher, output, *options):
    """One tiny distillation of two epochs."""
    return run(
        "dispatch",
        corpus,
        output,
        *("--teacher_source", teacher, "--number_of_epochs", 2),
        *options,
    )


@pytest.fixture(scope="module")
def finished(corpus, teacher, tmp_path_factory):
    """A finished run's folder and what it printed."""
    output = tmp_path_factory.mktemp("run") / "dispatch"
    return output, trained(corpus, teacher, output)


def test_a_run_is_complete(finished):
    """Scores, report, log and checkpoint are there, the table is printed."""
    output, printed = finished
    scores = json.loads((output / "scores.json").read_text())
    for system in ("noisy", "student", "teacher"):
        pesq = scores[system]["pesq"]
        assert pesq["n"] + pesq["failed"] == 3
        assert pesq["ci95"][0] <= pesq["mean"] <= pesq["ci95"][1]
    assert scores["seed"] == 1986
    assert "PESQ" in printed and "report.html" in printed
    assert (output / "report.html").stat().st_size > 10_000
    assert (output / "overview.png").stat().st_size > 10_000
    assert (output / "hyperparams.yaml").is_file()


def test_a_run_notes_what_it_was_made_of(finished, corpus):
    """Nobody has to guess later: command, data, teacher, weights."""
    run = Run.open(finished[0])
    record, hashes = run.record, run.scores["weights_sha256"]
    assert (
        record["seed"] == 1986 and "--number_of_epochs 2" in record["command"]
    )
    assert record["corpus"]["data"][0]["folder"] == corpus.name
    assert record["teacher"]["weights_sha256"] == hashes["teacher"]
    assert record["weights_sha256"] == hashes
    noted = record["manifests"]["test"]["sha256"]
    assert noted == run.scores["test_manifest_hash"]
    assert all(Path(e["clean_wav"]).is_file() for e in run.test_files.values())


def test_every_term_is_logged(finished):
    """Each epoch names its loss terms, the shares, the gaps and PESQ."""
    output, _ = finished
    log = rows(output)
    assert [row["epoch"] for row in log] == [1, 2]
    train = log[-1]["train"]
    assert 0 < train["selected_share_low"] <= 1
    assert 0 < train["selected_share_high"] <= 1
    assert {"mean_gap_low", "mean_gap_high", "distillation"} <= set(train)
    weight = (train["loss"] - train["supervised"]) / train["distillation"]
    assert weight == pytest.approx(train["effective_weight"], rel=0.5)
    assert 1 <= log[-1]["valid"]["pesq"] <= 4.64


def test_a_run_becomes_a_model(finished, corpus, tmp_path, capsys):
    """Its folder gives the run's own output, and is scored like a run."""
    output, _ = finished
    card, model = tmp_path / "card.yaml", tmp_path / "model"
    card.write_text("data: [{name: a, licence: CC0}]\n")
    assert main(["export", str(output), str(model), "--card", str(card)]) == 0
    noisy = corpus / "noisy_testset_wav_16k"
    student, teacher = load_student(model), load_teacher(model)
    speechbrain = WaveformEnhancement.from_hparams(
        source=str(model), run_opts={"device": "cpu"}
    )
    for path in sorted(noisy.iterdir()):
        batch = torch.from_numpy(read_audio(path))[None]
        expected = read_audio(output / "enhanced" / "student" / path.name)
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
    assert "PESQ" in capsys.readouterr().out
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    run_scores = json.loads((output / "scores.json").read_text())
    assert scores["student"]["si_sdr"] == run_scores["student"]["si_sdr"]
    assert set(scores["student"]) == {"pesq", "si_sdr"}


def test_a_model_tells_where_it_came_from(finished, tmp_path):
    """Its card is written by the run; the hub's parser reads its scores."""
    output, _ = finished
    data = [{"name": "syllables", "licence": "CC0"}]
    model = export_run(output, tmp_path / "model", {"data": data})
    card = ModelCard.load(model / "README.md")
    run_scores = json.loads((output / "scores.json").read_text())
    found = {r.metric_type: r for r in card.data.eval_results}
    pesq = run_scores["student"]["pesq"]
    assert found["pesq"].metric_value == pytest.approx(pesq["mean"], abs=1e-4)
    assert found["pesq"].metric_args["ci95"] == pytest.approx(
        pesq["ci95"], abs=1e-4
    )
    for words in (
        "Method `dispatch`",
        "Seed: 1986.",
        "python train.py hparams/dispatch.yaml",
        "--number_of_epochs 2",
        "Teacher: `tiny`",
        run_scores["weights_sha256"]["teacher"],
    ):
        assert words in card.text


def test_a_model_is_not_shared_without_its_data(finished, tmp_path, capsys):
    """The error says what the card lacks; nothing is written."""
    card = tmp_path / "card.yaml"
    card.write_text("description: Tiny.\n")
    words = ["export", str(finished[0]), str(tmp_path / "model")]
    assert main([*words, "--card", str(card)]) == 1
    assert "data" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_the_second_run_skips_what_is_there(finished, corpus, teacher):
    """Nothing is trained or scored again; the table is printed again."""
    output, _ = finished
    before = (output / "scores.json").stat().st_mtime_ns
    printed = trained(corpus, teacher, output)
    assert (output / "scores.json").stat().st_mtime_ns == before
    assert "PESQ" in printed


def test_a_seed_decides_everything(finished, corpus, teacher, tmp_path):
    """The same command in another folder gives the same numbers."""
    output, _ = finished
    trained(corpus, teacher, tmp_path / "twin")
    assert rows(tmp_path / "twin") == rows(output)


def test_a_killed_run_goes_on(corpus, teacher, finished, tmp_path):
    """Killed after its first epoch, a run ends as if nothing had been."""
    output = tmp_path / "killed"
    options = ("--teacher_source", teacher, "--number_of_epochs", 2)
    process = subprocess.Popen(
        command("dispatch", corpus, output, *options),
        cwd=RECIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any(output.glob("save/CKPT*/CKPT.yaml")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run("dispatch", corpus, output, *options)
    uninterrupted = rows(finished[0])
    for row, expected in zip(rows(output), uninterrupted):
        assert row["lr"] == expected["lr"]
        assert row["train"] == pytest.approx(expected["train"], rel=1e-4)


def test_the_baseline_needs_no_teacher(corpus, tmp_path):
    """The same student alone: two systems in the table."""
    output = tmp_path / "baseline"
    run("baseline", corpus, output, "--number_of_epochs", 1)
    scores = json.loads((output / "scores.json").read_text())
    assert "student" in scores and "teacher" not in scores
    assert "distillation" not in rows(output)[0]["train"]


def test_own_folders_are_mixed(corpus, tmp_path):
    """Clean speech and noise of one's own are all that is needed."""
    clean = corpus / "clean_trainset_28spk_wav_16k"
    noise = corpus / "noisy_testset_wav_16k"
    output = tmp_path / "own"
    run(
        "baseline",
        "null",
        output,
        *("--clean_folders", f"[{clean}]", "--noise_folders", f"[{noise}]"),
        *("--mixtures_per_epoch", 8, "--number_of_epochs", 1),
        *("--own_pairs", 3),
    )
    scores = json.loads((output / "scores.json").read_text())
    assert scores["student"]["si_sdr"]["n"] == 3
    data = Run.open(output).corpus["data"]
    assert [e["use"] for e in data] == ["clean speech", "noise"]
    assert [e["folder"] for e in data] == [clean.name, noise.name]


def test_debug_and_low_precision(corpus, teacher, tmp_path):
    """SpeechBrain's run options work; debug leaves real results alone."""
    output = tmp_path / "debug"
    options = ("--debug", "--precision=bf16", "--teacher_source", teacher)
    run("dispatch", corpus, output, *options)
    assert (output / "debug" / "scores.json").is_file()
    assert not (output / "scores.json").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--batchsize", "3"), "did you mean 'batch_size'"),
        (("--seed", "1", "--seed", "2"), "given twice"),
        (("--ratio", "1.5"), "1.5"),
        (("--beta", "-1"), "beta"),
        (("--valid_speakers", "[p999]"), "p999"),
        (("--clean_folders", "[/speech]"), "both clean_folders and"),
        (("--teacher_source", "no/such/folder/here"), "no/such/folder/here"),
    ],
)
def test_a_mistake_costs_seconds(corpus, teacher, tmp_path, options, message):
    """One clear sentence before anything is trained, and no traceback."""
    output = tmp_path / "wrong"
    first = ("--teacher_source", teacher)
    if options[0] == "--teacher_source":
        first = ()
    printed = run("dispatch", corpus, output, *first, *options, status=1)
    assert message in printed
    assert "Traceback" not in printed
    assert not list(output.glob("save/CKPT*"))


def test_a_folder_that_is_no_voicebank(teacher, tmp_path):
    """The error names what was expected."""
    (tmp_path / "empty").mkdir()
    printed = run(
        "dispatch",
        tmp_path / "empty",
        tmp_path / "run",
        *("--teacher_source", teacher),
        status=1,
    )
    assert "clean_trainset_28spk_wav" in printed
    assert "Traceback" not in printed
