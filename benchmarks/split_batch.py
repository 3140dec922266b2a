#!/usr/bin/env python3
"""What a batch in parts does to a gradient, and what a step costs that could
be taken back.

A batch that memory does not hold is split, its gradients added up. That is
the same within rounding, except where a network normalises by batch: the
table shows, for each family of students, how far the gradient of the parts is
from that of the whole batch, with DISPatch's default loss and share of the
gradient. Below it: seconds that the copies of weights and optimizer, and the
norm of the gradient, add to a step.

Example
-------
    python benchmarks/split_batch.py

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import logging
import timeit

import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedData

from dispatch_sb.data.audio_store import Batch
from dispatch_sb.losses import DFKD, DistillationLoss, EnhancementLoss, TopGap
from dispatch_sb.models import build_model
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.portions import parts_of
from dispatch_sb.training.schedules import WarmupCosine

FAMILIES = {"fastenhancer": "T", "dccrn": "small", "convtasnet": "small"}


class Epochs:
    """A dataset as far as a Brain asks."""

    def set_epoch(self, epoch):
        """Nothing depends on it."""


def batch_of(rows, seconds, seed):
    """Modulated noise as speech, in other noise."""
    generator = torch.Generator().manual_seed(seed)
    samples = int(16000 * seconds)
    clean, noise = torch.randn(2, rows, samples, generator=generator)
    rate = 2 + 3 * torch.rand(rows, 1, generator=generator)
    syllables = (rate * 6.28 * torch.arange(samples) / 16000).sin().clamp(0)
    clean = 0.1 * torch.logspace(-1, 0, rows)[:, None] * syllables * clean
    lens = torch.ones(rows)
    signals = {"noisy_sig": clean + 0.02 * noise, "clean_sig": clean}
    padded = {k: PaddedData(x, lens) for k, x in signals.items()}
    return Batch(id=[str(n) for n in range(rows)], **padded)


def brain_of(family, device):
    """A student after an untrained teacher of its family."""
    torch.manual_seed(0)
    student, teacher = (build_model(family, FAMILIES[family]) for _ in "st")
    brain = DistillationBrain(
        {"student": student, "teacher": teacher},
        functools.partial(torch.optim.AdamW, lr=1e-3),
        {
            "enhancement_loss": EnhancementLoss(),
            "distillation_loss": DistillationLoss(DFKD(), TopGap(0.8)),
            "distillation_share": 0.8,
            "schedule": WarmupCosine(lr=1e-3),
            "number_of_epochs": 2,
        },
        {"device": device, "noprogressbar": True},
    )
    brain.on_fit_start()
    brain.train_data, brain.steps_per_epoch = Epochs(), 100
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    brain.modules.train()
    brain.step = 1
    return brain


def gradient(brain, batch, most):
    """Of a batch in parts; the state stays as it was."""
    brain.before.keep()
    brain.optimizers_step = lambda: None
    brain.fit_parts(parts_of(batch, most))
    del brain.optimizers_step
    weights = brain.modules.student.parameters()
    found = torch.cat([x.grad.flatten() for x in weights])
    brain.before.restore()
    return found


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=10, help="before that")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print("student        parts of  |difference| / |gradient|   cosine")
    for family in FAMILIES:
        brain = brain_of(family, options.device)
        for seed in range(options.steps):
            brain.fit_batch(batch_of(options.batch_size, options.seconds, seed))
        batch = batch_of(options.batch_size, options.seconds, options.steps)
        whole = gradient(brain, batch, options.batch_size)
        for most in (options.batch_size // 2, options.batch_size // 4, 1):
            parts = gradient(brain, batch, most)
            far = float((parts - whole).norm() / whole.norm())
            alike = float(torch.cosine_similarity(parts, whole, dim=0))
            print(f"{family:14} {most:8}  {far:23.2e} {alike:8.4f}")
        given = [torch.ones_like(x) for x in brain.modules.student.parameters()]
        step, keep, norm = (
            min(timeit.repeat(work, number=1, repeat=times))
            for work, times in (
                (functools.partial(brain.fit_batch, batch), 5),
                (brain.before.keep, 50),
                (functools.partial(torch.nn.utils.get_total_norm, given), 50),
            )
        )
        more = keep + norm
        print(
            f"{family:14} a step {1e3 * step:.1f} ms, of these "
            f"{1e3 * more:.2f} ms ({100 * more / step:.2f} %) to be able to "
            "take it back"
        )


if __name__ == "__main__":
    main()
