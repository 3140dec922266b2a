"""A study from its YAML to its results, killed on the way.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
from programs import RECIPE, run, start
from tiny_corpus import RATE, imitated_speech

from dispatch_sb.data import write_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run


def write_part(folder, name, speaker, pitch, mixtures):
    """Speech of a speaker and noise; the study's part that mixes them."""
    paths = {kind: folder / f"{name}_{kind}" for kind in ("speech", "noise")}
    for path in paths.values():
        path.mkdir()
    for number in range(4):
        rng = np.random.default_rng(number)
        path = paths["speech"] / f"{speaker}_{number}.wav"
        write_audio(path, imitated_speech(pitch, rng), RATE, "PCM_16")
    hiss = 0.05 * np.random.default_rng(int(pitch)).standard_normal(3 * RATE)
    path = paths["noise"] / "hiss.wav"
    write_audio(path, hiss.astype(np.float32), RATE, "PCM_16")
    lists = {kind: [str(path)] for kind, path in paths.items()}
    return {**lists, "speakers": None, "mixtures": mixtures, "seconds": 1.5}


STUDY = """\
folder: {top}/runs
published: {top}/published
pool: {top}/pool
mixing_snr_db: [0, 10]
parts: {parts}
tests: {{}}
teacher_source: {top}/teacher
metrics: [pesq, si_sdr]
options: {{number_of_epochs: 2, batch_size: 2, segment_seconds: 1.0}}
students: [T]
seeds: [1]
sweep:
    key: distillation_share
    values: [0.5]
    seed: 1
    options: {{distillation_weight: null}}
methods:
    none: {{recipe: baseline.yaml, distils: False}}
    l2: {{recipe: l2.yaml}}
    features: {{recipe: fitnets_two_step.yaml, live: True, strength: null}}
    several:
        recipe: several_teachers.yaml
        like: l2
        options:
            record_teacher: False
            teacher_source: ["{top}/teacher", "{top}/pool/teacher"]
comparisons: [{{name: any, better: best, than: none}}]
"""


@pytest.fixture
def study(tmp_path):
    """The file of a study with five cells; two of them are one run. Of two
    methods one needs a teacher that runs, and one has two teachers."""
    torch.manual_seed(1)
    save(FastEnhancer(channels=8), tmp_path / "teacher", card="# A teacher\n")
    parts = {
        "train": write_part(tmp_path, "train", "p300", 220.0, 4),
        "valid": write_part(tmp_path, "valid", "p287", 160.0, 2),
        "other": write_part(tmp_path, "other", "p226", 110.0, 2),
    }
    path = tmp_path / "study.yaml"
    path.write_text(STUDY.format(top=tmp_path, parts=json.dumps(parts)))
    return path


def finish(*words):
    """Runs study.py to its end, and returns what it printed."""
    return run("study.py", *words, folder=RECIPE)


def test_a_study_that_is_killed_goes_on_and_ends_with_results(study):
    folder = study.parent
    printed = [folder / "printed", folder / "errors"]
    words = ["study.py", study, "--jobs", 2]
    killed = start(words, RECIPE, printed)
    while not list(folder.glob("runs/*/training.jsonl")):
        assert killed.is_alive(), [p.read_text()[-3000:] for p in printed]
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    left = ["pkill", "-9", "-f", f"{folder}/"]  # what it left running
    subprocess.run(left, check=False)
    killed.join()
    finish("train", study, "--jobs", 2)
    assert not list(folder.glob("published/cells/*"))
    assert "5 of 5 cells" in finish(study, "--jobs", 2)
    assert "finished" in finish("status", study)

    cells = {
        path.stem: json.loads(path.read_text())
        for path in (folder / "published" / "cells").glob("*.json")
    }
    none, swept = (
        cells[name] for name in ("main_T_none_seed1", "sweep_T_l2_0.5_seed1")
    )
    assert none["steps"] == swept["steps"] == 4
    assert none["hashes"]["student"] != swept["hashes"]["student"]
    assert none["hashes"]["train_manifest"] == swept["hashes"]["train_manifest"]
    for cell in cells.values():
        assert set(cell["scores"]) == {"valid", "other"}
        assert len(cell["scores"]["other"]) == 2
        assert cell["hours"] > 0 and cell["machine"].endswith("cpu")
    weights = folder / "published" / "students"
    assert len(list(weights.glob("*.safetensors"))) == 4
    sources = [
        len(Run.open(folder / "runs" / name).teachers)
        for name in cells
        if name.startswith("main")
    ]
    assert sorted(sources) == [0, 1, 2]

    finish("results", study)
    page = (folder / "published" / "RESULTS.md").read_text()
    assert "1 of the sweep, 4 for the comparisons" in page
