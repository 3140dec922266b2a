"""Several processes train; one of them scores, and nobody waits for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import RECIPE, training

from dispatch_sb.runs.run import Run


@pytest.mark.slow
def test_scoring_may_take_longer_than_processes_wait(corpus, tmp_path):
    """A barrier would end after 5 s; scoring takes 8 s and more."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc_per_node=2"]
    words += [str(Path(__file__).with_name("slow_scoring.py"))]
    options = ["--distributed_backend", "gloo", "--device", "cpu"]
    options += ["--data_folder", corpus, "--valid_speakers", "[p287]"]
    options += ["--scores_cache", "null", "--metrics", "pesq,si_sdr"]
    done = subprocess.run(
        [*words, *training("baseline", tmp_path, *options)[1:]],
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    scores = Run(tmp_path).scores
    assert scores["student"]["pesq"]["n"] == 3
    assert set(scores["student"]) == {"pesq", "si_sdr"}
    assert done.stdout.count("Scores: ") == 1
