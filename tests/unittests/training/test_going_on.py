"""A training that was interrupted goes on as if nothing had been."""

import functools
import shutil

import numpy as np
import pytest
import speechbrain as sb
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from dispatch_sb.data import DynamicMixture, pair_dataset, write_audio
from dispatch_sb.data.manifest import write_pair_manifest, write_single_manifest
from dispatch_sb.losses import EnhancementLoss
from dispatch_sb.models import FastEnhancer
from dispatch_sb.runs.run import Run
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.checkpoints import AtomicCheckpointer
from dispatch_sb.training.loggers import TrainLoggers
from dispatch_sb.training.schedules import WarmupCosine

TINY = {"channels": 8, "depth": 1, "blocks": 1, "block_channels": 4}
TINY |= {"block_bins": 4, "heads": 2}


class Interrupted(DistillationBrain):
    """Stops at a place of its first epoch."""

    place = None

    def compute_forward(self, batch, stage):
        enhanced = super().compute_forward(batch, stage)
        return nn.functional.dropout(enhanced, 0.1, stage == sb.Stage.TRAIN)

    def on_fit_batch_end(self, *arguments):
        super().on_fit_batch_end(*arguments)
        if (self.epoch, self.step) == self.place:
            raise KeyboardInterrupt

    def on_stage_end(self, stage, stage_loss, epoch=None):
        if (epoch, stage) == self.place:
            raise KeyboardInterrupt
        super().on_stage_end(stage, stage_loss, epoch)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Mixtures to train on, and pairs."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for kind in ("clean", "noisy"):
        path = root / kind / "a_0.wav"
        write_audio(path, rng.uniform(-0.5, 0.5, 8000))
    pairs, single = root / "pairs.json", root / "single.json"
    write_pair_manifest(root / "clean", root / "noisy", pairs, root)
    write_single_manifest(root / "clean", single)
    mixtures = DynamicMixture(single, single, 0.25, length=6)
    return mixtures, pair_dataset(pairs, root)


def train(folder, data, place=None):
    """Two epochs of three batches, after each of which the training is saved
    where the step that it belongs to is complete."""
    options = {"ckpt_interval_steps": 1, "grad_accumulation_factor": 2}
    torch.manual_seed(0)
    student, counter = FastEnhancer(**TINY), EpochCounter(2)
    kept = {"student": student, "counter": counter}
    hparams = {
        "enhancement_loss": EnhancementLoss(),
        "schedule": WarmupCosine(lr=1e-3),
        "number_of_epochs": 3,
        "pesq_every": 3,
        "workers": 1,
        "seed": 1,
        "train_logger": TrainLoggers(folder),
    }
    brain = Interrupted(
        {"student": student},
        functools.partial(torch.optim.AdamW, lr=1e-3),
        hparams,
        {"device": "cpu", "noprogressbar": True, **options},
        AtomicCheckpointer(folder / "save", kept),
    )
    brain.place = place
    loader = {"batch_size": 2, "shuffle": True}
    brain.fit(counter, *data, train_loader_kwargs=loader)
    return student.state_dict()


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """Weights, log and folder of a training that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    return train(folder, data), Run(folder).epochs, folder / "save"


@pytest.mark.parametrize(
    "place",
    [(1, 2), (2, 3), (1, sb.Stage.TRAIN), (2, sb.Stage.VALID)],
    ids=["middle", "last step", "after the last step", "validation"],
)
def test_it_ends_with_the_same_weights_and_log(data, whole, tmp_path, place):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, data, place)
    found = train(tmp_path, data)
    assert Run(tmp_path).epochs == whole[1]
    assert all(torch.equal(found[k], v) for k, v in whole[0].items())
    (kept,) = (tmp_path / "save").glob("CKPT*")


def test_what_a_killed_run_did_not_delete_is_deleted(data, whole):
    (kept,) = whole[2].glob("CKPT*")
    shutil.copytree(kept, kept.with_name("CKPT+older"))
    train(whole[2].parent, data)
    assert len(list(whole[2].glob("CKPT*"))) == 1
