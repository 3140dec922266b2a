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


DATA = [
    dict(zip(("folder", "name", "licence", "use"), entry))
    for entry in (
        ("corpus", "mini corpus, Ann Smith", "CC BY-SA 3.0", "clean speech"),
        ("corpus", "mini corpus, Bob Jones", "CC BY 3.0", "validation"),
        ("corpus", "mini corpus, a stream", "CC0 1.0", "noise"),
    )
]
COMMIT = "ab" * 20
CREDIT = "the mini corpus; speech: Eve Brown (CC BY 4.0)"
GAINS = {"eve_0001": 0.1, "eve_0002": 0.3, "eve_0003": 0.2}


def write_run(top, data=DATA, teacher="lab/big", commit=COMMIT):
    """Writes a run, and beside it the corpus that it was trained on.

    Arguments
    ---------
    top : pathlib.Path
        Receives ``results/dispatch/3`` and ``corpus``.
    data : list of dict
        What is known of the corpus.
    teacher : str
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
    entries = {
        name: {"noisy_wav": f"{{data_root}}/noisy/{name}.wav"} for name in GAINS
    }
    (run / "manifests" / "test.json").write_text(json.dumps(entries))
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
            **{"source": teacher, "revision": "v1", "commit": commit},
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


def scores_of(student_hash):
    """What ``scores.json`` of such a run holds."""
    about = {"ci95": [1.6, 1.8], "n": 3, "failed": 0}
    means = {"noisy": 1.5, "student": 1.7, "teacher": 2.5}
    return {
        **{name: {"pesq": {"mean": means[name], **about}} for name in means},
        "files": {
            name: {"noisy": {"pesq": 1.5}, "student": {"pesq": 1.5 + gain}}
            for name, gain in GAINS.items()
        },
        "weights_sha256": {"student": student_hash, "teacher": "c0ffee"},
        "date": "2026-01-02T03:04:05+00:00",
        "versions": {"dispatch-sb": "0.1.0", "torch": "2.13.0"},
    }
