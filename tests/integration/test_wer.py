"""Word error rates as a user gets them, by a recogniser of five words: clean
speech is understood, noisy speech is not.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from spoken_words import TEST_FILES, write_spoken_corpus
from tiny_recogniser import write_recogniser

from dispatch_sb.data import located_manifest
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.scoring import format_table
from dispatch_sb.scoring.evaluation import evaluate_folders
from dispatch_sb.scoring.transcription import (
    load_recogniser,
    transcribe_files,
)
from dispatch_sb.scoring.word_errors import check_word_errors, score_words
from dispatch_sb.scoring.word_settings import word_error_settings

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sentences in noise, with transcripts."""
    return write_spoken_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory):
    """The folder of a recogniser that knows the corpus's words."""
    return write_recogniser(tmp_path_factory.mktemp("asr") / "five_words")


def train(corpus, output, *options):
    """Runs the recipe, one epoch at most."""
    words = [sys.executable, "train.py", "hparams/baseline.yaml"]
    words += ["--data_folder", corpus, "--output_folder", output]
    words += ["--scores_cache", "null"]
    words += ["--valid_speakers", "[p287]", "--number_of_epochs", 1]
    words += ["--batch_size", 2, "--segment_seconds", 0.5, "--workers", 1]
    return subprocess.run(
        [*map(str, words), "--num_workers", "0", *map(str, options)],
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture(scope="module")
def finished(corpus, recogniser, tmp_path_factory):
    """A run's folder, its scores and what it printed."""
    output = tmp_path_factory.mktemp("run") / "baseline"
    block = f"{{source: {recogniser}, batch_size: 3}}"
    done = train(corpus, output, "--wer", block)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    scores = json.loads((output / "scores.json").read_text())
    return output, scores, done.stdout


def test_clean_words_are_understood_and_readers_learn_by_whom(
    finished, recogniser
):
    output, scores, printed = finished
    about = scores["wer"]
    assert (about["clean"]["n"], about["clean"]["failed"]) == (TEST_FILES, 0)
    assert about["clean"]["mean"] < 15
    for system in ("noisy", "student"):
        summary = scores[system]["wer"]
        assert summary["n"] == TEST_FILES
        assert summary["ci95"][0] <= summary["mean"] <= summary["ci95"][1]
        for row in scores["files"].values():
            assert row[system]["wer"] >= 0
    assert scores["noisy"]["wer"]["mean"] > about["clean"]["mean"] + 15
    assert "clean" not in scores
    assert about["source"] == str(recogniser) and about["revision"] is None
    assert len(about["sha256"]) == 64 and about["without_words"] == 0
    assert about["normalisation"]["case"] == "upper"
    for told in ("WER (%)", str(recogniser), "lower is better"):
        assert told in printed
    assert "but lower for WER (%)" in (output / "report.html").read_text()
    text = (output / "wer" / "noisy.txt").read_text()
    assert f"{scores['noisy']['wer']['mean']:.2f}" in text.splitlines()[0]


def test_what_was_recognised_is_not_recognised_again(
    finished, corpus, recogniser, monkeypatch
):
    """Another normalisation is counted from the kept transcripts."""
    output, scores, _ = finished
    entries = located_manifest(output / "manifests" / "test.json", corpus)
    monkeypatch.setattr(
        "dispatch_sb.scoring.transcription.Recogniser.transcribe", None
    )
    block = {"source": str(recogniser), "batch_size": 3}
    again = score_words(scores, entries, output, block)
    assert again == scores
    drop = {"replace": dict.fromkeys(("hard", "hoard", "heed"))}
    block["normalise"] = drop
    fewer = score_words(scores, entries, output, block)
    assert 0 < fewer["wer"]["utterances"] < TEST_FILES
    assert fewer["noisy"]["wer"]["mean"] < scores["noisy"]["wer"]["mean"]


def test_every_system_is_scored_on_its_own_files(
    finished, corpus, recogniser, tmp_path
):
    """Clean speech called "student" scores as clean speech does."""
    output, scores, _ = finished
    entries = located_manifest(output / "manifests" / "test.json", corpus)
    for system, kind in (("student", "clean"), ("teacher", "noisy")):
        folder = tmp_path / "enhanced" / system
        folder.mkdir(parents=True)
        for key, entry in entries.items():
            shutil.copy(entry[f"{kind}_wav"], folder / f"{key}.wav")
    systems = ("noisy", "student", "teacher")
    known = {"files": {key: {s: {} for s in systems} for key in entries}}
    block = {"source": str(recogniser), "batch_size": 3}
    found = score_words(known, entries, tmp_path, block)
    assert found["student"]["wer"] == scores["wer"]["clean"]
    assert found["teacher"]["wer"] == scores["noisy"]["wer"]
    gain = found["differences"]["student - teacher"]["wer"]
    assert gain["mean"] == pytest.approx(
        scores["wer"]["clean"]["mean"] - scores["noisy"]["wer"]["mean"]
    )
    assert gain["ci95"][1] < 0


def test_folders_are_scored_where_there_are_words(corpus, recogniser, tmp_path):
    """Files without words are left out, counted, and keep their scores."""
    torch.manual_seed(1)
    model = tmp_path / "model"
    save(FastEnhancer(channels=8), model, card="# Tiny\n")
    for kind in ("clean", "noisy"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            name = f"p232_{number:03d}.wav"
            source = corpus / f"{kind}_testset_wav_16k" / name
            shutil.copy(source, tmp_path / kind)
    spoken = (corpus / "testset_txt" / "p232_000.txt").read_text()
    (tmp_path / "words.json").write_text(json.dumps({"p232_000": spoken}))
    scores = evaluate_folders(
        str(model),
        tmp_path / "clean",
        tmp_path / "noisy",
        tmp_path / "scores",
        workers=1,
        wer=str(recogniser),
        words=tmp_path / "words.json",
    )
    assert scores["wer"]["utterances"] == 1
    assert scores["wer"]["without_words"] == 1
    assert scores["noisy"]["wer"]["n"] == 1
    assert scores["noisy"]["si_sdr"]["n"] == 2
    assert "wer" not in scores["files"]["p232_001"]["noisy"]
    assert "1 without words left out" in format_table(scores)


def test_a_failing_utterance_is_counted_with_its_reason(
    corpus, recogniser, tmp_path
):
    folder = corpus / "clean_testset_wav_16k"
    files = {path.stem: path for path in sorted(folder.iterdir())[:3]}
    asr = load_recogniser(word_error_settings(str(recogniser)))
    alone = transcribe_files(asr, files, tmp_path / "a.jsonl")
    soundfile.write(tmp_path / "stereo.wav", np.ones((16000, 2)), 16000)
    files |= {"stereo": tmp_path / "stereo.wav", "gone": tmp_path / "no.wav"}
    found = transcribe_files(asr, files, tmp_path / "b.jsonl")
    assert "2 channels" in found["stereo"]["error"]
    assert "no.wav" in found["gone"]["error"]
    assert {key: found[key] for key in alone} == alone


def test_without_words_nothing_is_trained(corpus, recogniser, tmp_path):
    """One sentence before the training; without `wer` nobody minds."""
    silent = shutil.copytree(corpus, tmp_path / "corpus")
    shutil.rmtree(silent / "testset_txt")
    done = train(silent, tmp_path / "run", "--wer", recogniser)
    assert done.returncode == 1
    assert f" {TEST_FILES} " in done.stderr and "words" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run").glob("save/CKPT*"))
    check_word_errors(None, tmp_path / "run" / "manifests" / "test.json")


def test_loading_leaves_random_numbers_alone(recogniser, tmp_path):
    """A recogniser's YAML may set seeds; a training does not notice."""
    folder = shutil.copytree(recogniser, tmp_path / "asr")
    seeds = "__set_seed: !apply:speechbrain.utils.seed_everything [3]\n"
    path = folder / "hyperparams.yaml"
    path.write_text(seeds + path.read_text())
    draws = []
    settings = word_error_settings(str(folder))
    for load in (lambda _: None, load_recogniser):
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        load(settings)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    "damage, error, message",
    [
        (lambda f: (f / "asr.ckpt").unlink(), OSError, "asr.ckpt"),
        (lambda f: (f / "hyperparams.yaml").unlink(), OSError, "hyperparams"),
        (
            lambda f: (f / "hyperparams.yaml").write_text("modules: {}\n"),
            ValueError,
            "EncoderDecoderASR",
        ),
    ],
)
def test_what_is_no_recogniser_is_refused(
    recogniser, tmp_path, monkeypatch, damage, error, message
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = shutil.copytree(recogniser, tmp_path / "asr")
    damage(folder)
    with pytest.raises(error, match=message) as caught:
        load_recogniser(word_error_settings(str(folder)))
    assert str(folder) in str(caught.value)
