"""Several processes train; one of them scores, and nobody waits for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_corpus import write_tiny_corpus

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "recipes" / "VoiceBank"


@pytest.mark.slow
def test_scoring_may_take_longer_than_processes_wait(tmp_path):
    """A barrier would end after 5 s; scoring takes 8 s and more."""
    corpus = write_tiny_corpus(tmp_path / "corpus")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc_per_node=2", str(HERE / "slow_scoring.py")]
    words += ["hparams/baseline.yaml", "--data_folder", str(corpus)]
    words += ["--output_folder", str(tmp_path / "run")]
    words += ["--distributed_backend", "gloo", "--device", "cpu"]
    words += ["--valid_speakers", "[p287]", "--number_of_epochs", "1"]
    words += ["--batch_size", "2", "--segment_seconds", "0.5"]
    words += ["--workers", "1", "--num_workers", "0"]
    words += ["--scores_cache", "null", "--metrics", "pesq,si_sdr"]
    done = subprocess.run(
        words,
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["student"]["pesq"]["n"] == 3
    assert set(scores["student"]) == {"pesq", "si_sdr"}
    assert done.stdout.count("Scores: ") == 1
