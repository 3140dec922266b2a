"""What the tests of the distillation loss are run on: all hosts, all rules,
signals of known character."""

import torch

from dispatch_sb.losses import (
    DFKD,
    ComplexL2,
    CompressedMagnitude,
    DistillationLoss,
    LogMagnitude,
    MagnitudeL1,
    MagnitudeL2,
    PositiveGap,
    SoftGap,
    TopGap,
    TopPositiveGap,
)

HOSTS = {
    "MagnitudeL2": MagnitudeL2(),
    "MagnitudeL1": MagnitudeL1(),
    "LogMagnitude": LogMagnitude(),
    "CompressedMagnitude": CompressedMagnitude(),
    "ComplexL2": ComplexL2(),
    "DFKD": DFKD(),
    "three bands": MagnitudeL2((8, 20, 40), band_edges_hz=(1000, 4000)),
    "DFKD fixed": DFKD(patch_bins=(10, 40), band_edges_hz=(2000,)),
    "several frames": DFKD(patch_frames=4),
}
RULES = {
    "none": None,
    "top": TopGap(0.8),
    "positive": PositiveGap(),
    "top positive": TopPositiveGap(0.8),
    "soft": SoftGap(),
}


def loss_of(host, rule, **options):
    """The loss by the names of its host and rule."""
    return DistillationLoss(HOSTS[host], RULES[rule], **options)


def signals(batch=3, samples=6400, seed=0):
    """Student, teacher, clean, float32 `[batch, samples]`; the student is
    worse than the teacher in places, and better in others."""
    generator = torch.Generator().manual_seed(seed)

    def noise():
        return torch.randn(batch, samples, generator=generator)

    time = torch.arange(samples) / 16000
    tone = torch.sin(
        2 * torch.pi * torch.tensor([[220.0], [660.0]]) @ time[None]
    )
    clean = 0.1 * tone.sum(0) * (1 + torch.sin(60 * time)) + 0.02 * noise()
    student = clean + 0.03 * noise() * (1 + torch.sin(40 * time))
    teacher = clean + 0.03 * noise() * (1 + torch.cos(40 * time)) * 0.7
    return student, teacher, clean


def pad(signal, count, value=0.0):
    """Appends `count` samples to every row."""
    return torch.nn.functional.pad(signal, (0, count), value=value)
