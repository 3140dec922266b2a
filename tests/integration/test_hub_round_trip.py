"""A student's whole journey: trained, exported, pushed, listed, loaded by
others at its commit, and the teacher of the next student.

Every step is the user's own command, and the hub is a server on 127.0.0.1 that
speaks to the real client.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from hub_server import WRITE
from hub_worker import COMMAND, contents, files_at, loopback_environment
from huggingface_hub import ModelCard
from programs import RECIPE, run, train, training
from tiny_corpus import write_tiny_corpus

from dispatch_sb.data import read_audio
from dispatch_sb.runs.run import Run

# What others do with a pushed model: list it, and enhance with it.
READER = """
import json, sys
from pathlib import Path

import dispatch_sb
import torch
from dispatch_sb.data import read_audio
from huggingface_hub import HfApi
from speechbrain.inference.enhancement import WaveformEnhancement
from speechbrain.utils.fetching import FetchConfig

name, commit, noisy, expected, savedir = sys.argv[1:]
tree = HfApi().list_repo_tree(name, revision=commit, recursive=True)
ours = dispatch_sb.load_student(name, revision=commit)
theirs = WaveformEnhancement.from_hparams(
    source=name,
    savedir=savedir,
    fetch_config=FetchConfig(token=True, revision=commit),
)
same = []
for path in sorted(Path(noisy).iterdir()):
    batch = torch.from_numpy(read_audio(path))[None]
    wanted = torch.from_numpy(read_audio(Path(expected) / path.name))
    with torch.no_grad():
        outputs = ours(batch)[0], theirs.enhance_batch(batch)[0]
    same.append([torch.equal(output, wanted) for output in outputs])
print(json.dumps({"files": sorted(f.path for f in tree), "same": same}))
"""


@pytest.mark.slow
def test_the_student_comes_back_bit_for_bit_and_teaches_the_next(hub, tmp_path):
    def shell(home, *words, cwd=None):
        """Runs a command with an empty cache of the hub."""
        done = subprocess.run(
            list(map(str, words)),
            cwd=cwd,
            env=loopback_environment(hub.endpoint, tmp_path / home, WRITE),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    data = ["--data_folder", write_tiny_corpus(tmp_path / "corpus")]
    data += ["--valid_speakers", "[p287]", "--examples", "1"]
    untaught, taught = tmp_path / "untaught", tmp_path / "taught"
    model, card = tmp_path / "m", tmp_path / "card.yaml"
    train("baseline", untaught, *data)
    card.write_text("data: [{name: tiny corpus, licence: CC0-1.0}]\n")
    run("dispatch-sb", "export", untaught, model, "--card", card)
    told = shell("author", *COMMAND, "push", model, "lab/small")
    commit = told.split("\ncommit ")[1][:40]
    assert files_at(hub, "lab/small", commit) == contents(model, "lab/small")

    noisy = tmp_path / "corpus" / "noisy_testset_wav_16k"
    words = [sys.executable, "-c", READER, "lab/small", commit, noisy]
    words += [untaught / "enhanced" / "student", tmp_path / "speechbrain"]
    answer = json.loads(shell("reader", *words).splitlines()[-1])
    expected = [".gitattributes", *contents(model, "lab/small")]
    assert answer["files"] == sorted(expected)
    assert answer["same"] == [[True, True]] * 3

    words = ["--teacher_source", "lab/small", "--teacher_revision", commit]
    words = training("dispatch", taught, *data, *words)
    shell("home of the next", sys.executable, *words, cwd=RECIPE)
    for path in sorted((untaught / "enhanced" / "student").iterdir()):
        again = read_audio(taught / "enhanced" / "teacher" / path.name)
        assert np.array_equal(again, read_audio(path))
    before, scores = Run.open(untaught).scores, Run.open(taught).scores
    assert scores["teacher"]["pesq"] == before["student"]["pesq"]
    assert scores["student"]["pesq"] != before["student"]["pesq"]

    run("dispatch-sb", "export", taught, tmp_path / "n", "--card", card)
    card = ModelCard.load(tmp_path / "n" / "README.md")
    assert card.data.base_model == "lab/small" and commit in card.text
