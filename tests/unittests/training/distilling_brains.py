"""Brains and batches for the tests of the distillation mixin."""

import copy

import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedData
from torch import nn
from torch.utils.data import DataLoader

from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
from dispatch_sb.training.distillation_mixin import DistillationMixin

LOSS = DistillationLoss(DFKD(), TopGap(0.8))
QUIET = {"device": "cpu", "noprogressbar": True}
SAMPLES = 4000


class Network(nn.Module):
    """Waveforms in and out, with all that training would change."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 2, 9, padding=4),
            nn.BatchNorm1d(2),
            nn.Dropout(0.2),
            nn.Conv1d(2, 1, 9, padding=4),
        )
        self.calls = 0

    def forward(self, noisy):
        self.calls += 1
        return self.layers(noisy[:, None])[:, 0]


class PlainBrain(sb.Brain):
    """A Brain as others write them: its hooks call nothing below them."""

    def compute_forward(self, batch, stage):
        return self.modules.student(batch["noisy"])

    def compute_objectives(self, predictions, batch, stage):
        return (predictions - batch["clean"]).square().mean()

    def on_stage_start(self, stage, epoch=None):
        pass

    def on_stage_end(self, stage, stage_loss, epoch=None):
        pass


class MyBrain(DistillationMixin, PlainBrain):
    """The same with one line more."""

    def compute_objectives(self, predictions, batch, stage):
        loss = super().compute_objectives(predictions, batch, stage)
        noisy, clean = pairs_of(batch)
        return loss + self.distillation(predictions, noisy, clean)


class LoggingBrain(MyBrain):
    """Puts the terms into a log of its own."""

    def on_stage_end(self, stage, stage_loss, epoch=None):
        self.log = [*getattr(self, "log", []), self.distillation_summary()]


def pairs_of(batch):
    """Noisy and clean waveforms with their lengths, as PaddedBatch has them."""
    return (PaddedData(batch[k], batch["lens"]) for k in ("noisy", "clean"))


def speech():
    """Of the first batch: noisy waveforms that take gradient, and the pairs."""
    batch = next(iter(batches()))
    return batch["noisy"].clone().requires_grad_(), *pairs_of(batch)


def batches(count=3, batch=2):
    """A loader of seeded batches, the second utterance shorter."""
    generator = torch.Generator().manual_seed(0)
    clean = 0.1 * torch.randn(count, batch, SAMPLES, generator=generator)
    noise = 0.1 * torch.randn(count, batch, SAMPLES, generator=generator)
    lens = torch.linspace(1, 0.5, batch)
    items = [
        {"noisy": c + n, "clean": c, "lens": lens} for c, n in zip(clean, noise)
    ]
    return DataLoader(items, batch_size=None)


def hyperparameters(**changes):
    """A teacher, its loss and its weight."""
    torch.manual_seed(7)
    given = {"teacher": Network(), "distillation_loss": LOSS}
    return {**given, "distillation_weight": 0.5, **changes}


def make(brain=MyBrain, hparams=None, modules=None):
    """A Brain with a seeded student."""
    hparams = hyperparameters() if hparams is None else hparams
    torch.manual_seed(1)
    return brain(
        {"student": Network(), **(modules or {})},
        lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
        hparams,
        run_opts=QUIET,
    )


def weights(brain):
    """The student's weights, copied."""
    return copy.deepcopy(brain.modules.student.state_dict())


def same(first, second):
    """Whether two sets of weights are equal to the last bit."""
    return all(torch.equal(first[key], second[key]) for key in second)
