"""Writes the folder of a finished run, without training it.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import numpy as np
import torch
from speechbrain.utils.checkpoints import Checkpointer

from dispatch_sb.data.audio import write_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.models.interface import state_hash
from dispatch_sb.runs.run import Run

TINY = dict(
    channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
)
STUDENT = "student: !new:dispatch_sb.models.FastEnhancer\n" + "".join(
    f"    {key}: {value}\n" for key, value in TINY.items()
)
RECIPE = """\
seed: 3
data_folder: mini
method: dispatch
output_folder: results/dispatch/3
number_of_epochs: !apply:dispatch_sb.training.recipe_files.for_data [mini, 1, 2]
patch_bins: (10, 40)
workers: 1
valid_loader_kwargs:
    batch_size: 4
{student}
enhancement_loss: !new:dispatch_sb.losses.EnhancementLoss
teacher_source: {teacher}
distillation_weight: 0.3
distillation_loss: !new:dispatch_sb.losses.DistillationLoss
    host: !new:dispatch_sb.losses.DFKD
        patch_bins: (10, 40)
    selection: !new:dispatch_sb.losses.TopGap
        ratio: 0.8
"""


def mini(name, licence, use):
    """A part of the corpus whose licence is known."""
    about = {"folder": "corpus", "use": use}
    return {**about, "name": f"mini corpus, {name}", "licence": licence}


DATA = [
    mini("ann: Ann Smith", "CC BY-SA 3.0", "clean speech"),
    mini("bob: Bob Jones", "CC BY 3.0", "validation"),
    mini("stream_1: Yuval", "CC0 1.0", "noise"),
]
COMMIT = "ab" * 20
CREDIT = "the mini corpus; speech: Eve Brown (CC BY 4.0)"
GAINS = {"eve_0001": 0.1, "eve_0002": 0.3, "eve_0003": 0.2}


def write_run(top, data=DATA, teacher="lab/big", revision="v1", commit=COMMIT):
    """Writes a run, and beside it the corpus that it was trained on.

    Arguments
    ---------
    top : pathlib.Path
        Receives ``results/dispatch/3`` and ``corpus``.
    data : list of dict
        What is known of the corpus.
    teacher, revision : str
        What the recipe was told.
    commit : str or None
        What that was on the hub.

    Returns
    -------
    pathlib.Path
        The run's folder.
    """
    write_corpus(top / "corpus")
    run = top / "results" / "dispatch" / "3"
    (run / "manifests").mkdir(parents=True)
    recipe = RECIPE.format(student=STUDENT, teacher=teacher)
    (run / "hyperparams.yaml").write_text(recipe)
    for part, names in (("valid", ["bob_0001"]), ("test", GAINS)):
        write_manifest(run, part, names)
    torch.manual_seed(0)
    student = FastEnhancer(**TINY).eval()
    saver = Checkpointer(run / "save", {"student": student})
    saver.save_checkpoint(meta={"pesq": 2.0})
    scores = scores_of(state_hash(student))
    (run / "scores.json").write_text(json.dumps(scores))
    Run(run).note(
        method="dispatch",
        seed=3,
        command="python train.py hparams/dispatch.yaml",
        directory=str(top),
        corpus={
            **{"root": "corpus", "name": "mini corpus", "data": data},
            "test_set": "mini corpus, test speaker",
            "credit": {name: CREDIT for name in GAINS},
        },
        teacher={
            **{"source": teacher, "revision": revision, "commit": commit},
            "weights_sha256": "c0ffee",
        },
    )
    return run


def write_corpus(folder):
    """Noisy files."""
    (folder / "noisy").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in GAINS:
        noise = 0.1 * rng.standard_normal(8000)
        write_audio(folder / "noisy" / f"{name}.wav", noise, 16000, "PCM_16")


def write_manifest(run, part, names):
    """A pair manifest of noisy files alone."""
    entries = {
        name: {
            "noisy_wav": f"{{data_root}}/noisy/{name}.wav",
            "speaker": name.split("_")[0],
        }
        for name in names
    }
    path = run / "manifests" / f"{part}.json"
    path.write_text(json.dumps(entries))


def scores_of(student_hash):
    """What ``scores.json`` of such a run holds."""

    def value(mean):
        interval = [mean - 0.1, mean + 0.1]
        return {"mean": mean, "ci95": interval, "n": 3, "failed": 0}

    files = {
        name: {"noisy": {"pesq": 1.5}, "student": {"pesq": 1.5 + gain}}
        for name, gain in GAINS.items()
    }
    return {
        "noisy": {"pesq": value(1.5)},
        "student": {"pesq": value(1.7)},
        "teacher": {"pesq": value(2.5)},
        "files": files,
        "seed": 3,
        "weights_sha256": {"student": student_hash, "teacher": "c0ffee"},
        "date": "2026-01-02T03:04:05+00:00",
        "versions": {"dispatch-sb": "0.1.0", "torch": "2.13.0"},
    }
