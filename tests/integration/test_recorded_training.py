"""Training from a recorded teacher: as from the same teacher live."""

import json
import subprocess

import pytest
import torch
from test_train import RECIPE, command, rows
from tiny_corpus import SPEAKERS, write_pairs

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run


def run(output, *options, status=0, segment="null"):
    """Runs the recipe, by default on whole utterances; what it printed."""
    words = command("dispatch", "null", output, *options)
    words[words.index("--segment_seconds") + 1] = segment
    done = subprocess.run(
        words, cwd=RECIPE, capture_output=True, text=True, timeout=300
    )
    printed = done.stdout + done.stderr
    assert done.returncode == status, printed[-3000:]
    return printed


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three folders of pairs, a teacher, and the options that name them."""
    folder = tmp_path_factory.mktemp("recorded")
    options = ["--prepared_folder", folder / "prepared"]
    options += ["--metrics", "[si_sdr]", "--number_of_epochs", 1]
    options += ["--examples", 1]
    parts = zip(("train", "valid", "test"), SPEAKERS.items())
    for part, (speaker, pitch) in parts:
        write_pairs(folder / "raw", part, {speaker: pitch}, 4)
        (folder / part).mkdir()
        for kind in ("clean", "noisy"):
            raw = folder / "raw" / f"{kind}_{part}_wav_16k"
            raw.rename(folder / part / kind)
        options += [f"--{part}_pairs", folder / part]
    torch.manual_seed(1)
    model = FastEnhancer(channels=8)
    save(model, folder / "teacher", card="# A teacher\n")
    return folder, [*options, "--teacher_source", folder / "teacher"]


def test_recorded_is_live(world):
    """Every term of the log, and the teacher's scores."""
    folder, options = world
    for name, record in (("live", "False"), ("recorded", "True")):
        words = [*options, "--record_teacher", record]
        run(folder / name, *words)
    live, recorded = (rows(folder / x)[0] for x in ("live", "recorded"))
    for stage in ("train", "valid"):
        assert recorded[stage] == pytest.approx(live[stage], rel=1e-3)
        assert recorded[stage]["distillation"] > 0
    scores = [
        json.loads((folder / name / "scores.json").read_text())
        for name in ("live", "recorded")
    ]
    teachers = [x["teacher"]["si_sdr"]["mean"] for x in scores]
    assert teachers[0] == pytest.approx(teachers[1], abs=0.01)
    assert not list((folder / "recorded").rglob("*.flac"))
    noted = [Run.open(folder / name).teacher for name in ("live", "recorded")]
    keys = ("source", "weights_sha256")
    assert [noted[0][key] for key in keys] == [noted[1][key] for key in keys]
    assert noted[1]["recording_sha256"] and noted[0]["weights_sha256"]


def test_what_changes_in_every_epoch_cannot_be_recorded(world):
    """One sentence that names the keys and the way out."""
    folder, options = world
    clean, noise = folder / "train" / "clean", folder / "test" / "noisy"
    words = ["--teacher_source", folder / "teacher", "--record_teacher", "True"]
    words += ["--clean_folders", f"[{clean}]", "--noise_folders", f"[{noise}]"]
    words += ["--own_pairs", 2]
    printed = run(folder / "wrong", *words, status=1, segment="1.0")
    assert "clean_folders" in printed and "train_pairs" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "options, named",
    [
        (["--train_pairs", "a"], ["valid_pairs", "test_pairs"]),
        (["--noise_folders", "[a]"], ["noise_folders"]),
    ],
)
def test_pairs_are_given_alone_and_together(world, options, named):
    """The error names the keys that lack, or that contradict."""
    folder, given = world
    if options[0] == "--noise_folders":
        options = [*options, *given]
    else:
        options = [*options, "--teacher_source", folder / "teacher"]
    printed = run(folder / "wrong", *options, status=1)
    assert all(name in printed for name in named)
    assert "Traceback" not in printed
