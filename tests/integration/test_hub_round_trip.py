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
from pathlib import Path

import numpy as np
import pytest
from hub_pusher import COMMAND, WRITE, contents, files_at
from hub_worker import loopback_environment
from tiny_corpus import write_tiny_corpus

from dispatch_sb.cli import main
from dispatch_sb.data import read_audio

pytestmark = pytest.mark.slow
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"
QUICK = ["--batch_size", "2", "--segment_seconds", "1.0", "--workers", "1"]
QUICK += ["--num_workers", "0", "--number_of_epochs", "1", "--examples", "1"]
QUICK += ["--valid_speakers", "[p287]"]
ABOUT = """
description: Learned from the tiny corpus.
data: [{name: tiny corpus, licence: CC0-1.0}]
"""

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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all of it happens, with the corpus."""
    folder = tmp_path_factory.mktemp("journey")
    write_tiny_corpus(folder / "corpus")
    return folder


@pytest.fixture(scope="module")
def shell(folder, running_hub):
    """Runs a command with the hub in its environment and an empty cache."""

    def run(*words, home: str, cwd=None):
        done = subprocess.run(
            list(map(str, words)),
            cwd=cwd,
            env=loopback_environment(
                running_hub.endpoint, folder / home, WRITE
            ),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def train(folder, shell):
    """Runs the recipe on the tiny corpus; returns the run's folder."""

    def run(method: str, *options) -> Path:
        words = [sys.executable, "train.py", f"hparams/{method}.yaml"]
        words += ["--data_folder", folder / "corpus", *QUICK, *options]
        words += ["--output_folder", folder / method, "--scores_cache", "null"]
        shell(*words, home=f"home of {method}", cwd=RECIPE)
        return folder / method

    return run


@pytest.fixture(scope="module")
def pushed(folder, train, shell):
    """A run, its model folder, and the commit that was printed."""
    run, model = train("baseline"), folder / "model"
    card = folder / "card.yaml"
    card.write_text(ABOUT)
    words = ["export", str(run), str(model), "--card", str(card)]
    assert main(words) == 0
    told = shell(*COMMAND, "push", model, "lab/small", home="author")
    return run, model, told.split("\ncommit ")[1][:40]


def test_the_student_comes_back_bit_for_bit(running_hub, pushed, folder, shell):
    run, model, commit = pushed
    assert files_at(running_hub, "lab/small", commit) == contents(
        model, "lab/small"
    )
    told = shell(
        *(sys.executable, "-c", READER, "lab/small", commit),
        folder / "corpus" / "noisy_testset_wav_16k",
        run / "enhanced" / "student",
        folder / "speechbrain",
        home="reader",
    )
    answer = json.loads(told.splitlines()[-1])
    assert answer["files"] == sorted(
        [".gitattributes", *contents(model, "lab/small")]
    )
    assert answer["same"] == [[True, True]] * 3


def test_the_next_student_learns_from_it(pushed, train):
    run, _, commit = pushed
    options = ("--teacher_source", "lab/small", "--teacher_revision", commit)
    taught = train("dispatch", *options)
    for path in sorted((run / "enhanced" / "student").iterdir()):
        again = read_audio(taught / "enhanced" / "teacher" / path.name)
        assert np.array_equal(again, read_audio(path))
    scores = json.loads((taught / "scores.json").read_text())
    before = json.loads((run / "scores.json").read_text())
    assert scores["teacher"]["pesq"] == before["student"]["pesq"]
    assert scores["student"]["pesq"] != before["student"]["pesq"]
