"""The host never waits for the device within a training step: with
`--device cuda` torch itself watches, on a CPU the operations that would make
it wait are not there.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import functools

import numpy as np
import pytest
import speechbrain as sb
import torch
from waiting import watched

from dispatch_sb.data import (
    AudioInMemory,
    DynamicMixture,
    pair_dataset,
    write_audio,
    write_pair_manifest,
    write_single_manifest,
)
from dispatch_sb.data.in_memory import MixturesInMemory
from dispatch_sb.losses import (
    DFKD,
    CompressedMagnitude,
    DistillationLoss,
    EnhancementLoss,
    MultiResolutionSTFT,
    OutputDistillation,
    RandomShare,
    SoftGap,
    TopGap,
)
from dispatch_sb.losses.features import CrossLayerSimilarity
from dispatch_sb.models import FastEnhancer
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.feature_distillation import FeatureDistillation
from dispatch_sb.training.portions import TrainingStopped
from dispatch_sb.training.schedules import Linear, WarmupCosine


class WatchedBrain(DistillationBrain):
    """Watches all of a step, up to where SpeechBrain reads the loss."""

    def fit_batch(self, batch):
        with contextlib.ExitStack() as self.watch:
            self.watch.enter_context(watched(self.device_type))
            return super().fit_batch(batch)

    def on_fit_batch_end(self, *arguments):
        super().on_fit_batch_end(*arguments)
        self.watch.close()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two pairs of a second, to be cut to half of that, or whole."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for kind in ("clean", "noisy"):
        for index, samples in enumerate((16000, 15000)):
            path = root / kind / f"a_{index}.wav"
            write_audio(path, rng.uniform(-0.5, 0.5, samples))
    write_pair_manifest(root / "clean", root / "noisy", root / "p.json", root)
    return functools.partial(pair_dataset, root / "p.json", root)


def brain_of(loss, device, **hparams):
    """Trains a FastEnhancer-T after another one."""
    # Adam counts its steps on the CPU, and reads that count there.
    optimizer = torch.optim.SGD if device == "cpu" else torch.optim.AdamW
    student, teacher = (FastEnhancer.from_size("T") for _ in "st")
    hparams = {
        "enhancement_loss": EnhancementLoss(),
        "distillation_loss": loss(student, teacher),
        "schedule": WarmupCosine(lr=1e-3),
        "number_of_epochs": 1,
        **hparams,
    }
    brain = WatchedBrain(
        {"student": student, "teacher": teacher},
        functools.partial(optimizer, lr=1e-3),
        hparams,
        {"device": device, "noprogressbar": True},
    )
    brain.on_fit_start()
    return brain


def features(student, teacher):
    """Similarity of frames across layers."""
    taps = {"blocks.0": ["blocks.0", "blocks.1"]}
    return FeatureDistillation(student, teacher, taps, CrossLayerSimilarity)


LOSSES = {
    "dispatch": DistillationLoss(DFKD(), TopGap(Linear(1.0, 0.5))),
    "random": DistillationLoss(CompressedMagnitude(20, (2000,)), RandomShare()),
    "soft": DistillationLoss(DFKD(), SoftGap(), normalize_level=True),
    "mrstft": OutputDistillation(MultiResolutionSTFT()),
}


@pytest.mark.parametrize("seconds", [0.5, None])
@pytest.mark.parametrize("name", [*LOSSES, "features"])
def test_a_step_does_not_wait(pairs, device, name, seconds):
    loss = (lambda *_: LOSSES[name]) if name in LOSSES else features
    how = {"distillation_share": Linear(0.0, 0.5)}
    if name == "features":
        how = {"distillation_weight": 0.5}
    brain = brain_of(loss, device, **how)
    brain.train_data = data = AudioInMemory(pairs(seconds), device)
    brain.steps_per_epoch = 2
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    brain.modules.train()
    data.__getitems__([0])  # reads the files
    for brain.step in (1, 2):
        with watched(device):
            batch = data.__getitems__([1, 0])
        assert brain.fit_batch(batch).isfinite()


def test_mixing_does_not_wait(pairs, device):
    files = pairs.args[1] / "clean"
    manifest = files.with_suffix(".json")
    write_single_manifest(files, manifest)
    mixtures = DynamicMixture(manifest, manifest, 0.5, length=4)
    data = MixturesInMemory(mixtures, device)
    data.__getitems__([0])  # reads the files
    with watched(device):
        batch = data.__getitems__([3, 1])
    assert batch.noisy_sig.data.isfinite().all()


def test_a_loss_that_is_no_number_is_still_noticed(pairs, device):
    brain = brain_of(lambda *_: LOSSES["mrstft"], device, distillation_weight=1)
    brain.train_data = data = AudioInMemory(pairs(0.5), device)
    brain.steps_per_epoch, brain.step = 1, 1
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    batch = data.__getitems__([1, 0])
    batch.clean_sig.data[0] = torch.nan
    with pytest.raises(TrainingStopped, match="not finite"):
        brain.fit_batch(batch)
