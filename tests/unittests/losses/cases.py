"""What the tests of the losses are run on: all hosts, all rules, the losses
without patches, signals of known character."""

import pytest
import torch

from dispatch_sb import losses

HOSTS = {
    "MagnitudeL2": losses.MagnitudeL2(),
    "MagnitudeL1": losses.MagnitudeL1(),
    "LogMagnitude": losses.LogMagnitude(),
    "CompressedMagnitude": losses.CompressedMagnitude(),
    "ComplexL2": losses.ComplexL2(),
    "DFKD": losses.DFKD(),
    "three bands": losses.MagnitudeL2((8, 20, 40), band_edges_hz=(1000, 4000)),
    "DFKD fixed": losses.DFKD(patch_bins=(10, 40), band_edges_hz=(2000,)),
    "several frames": losses.DFKD(patch_frames=4),
}
RULES = {
    "none": None,
    "top": losses.TopGap(0.6),
    "positive": losses.PositiveGap(),
    "top positive": losses.TopPositiveGap(0.8),
    "soft": losses.SoftGap(0.7),
}
# Which rule selects does not depend on the host, nor the other way round.
PAIRS = [*((host, "top") for host in HOSTS), *(("DFKD", r) for r in RULES)]


def supervised(student, teacher, clean, lens=None):
    """The loss against the clean speech, called as the others are."""
    return losses.EnhancementLoss()(student, clean, lens)[0]


# All of them are called with student, teacher, clean, lens.
LOSSES = {
    **{
        f"{host}, {rule}": losses.DistillationLoss(HOSTS[host], RULES[rule])
        for host, rule in PAIRS
    },
    "normalised": losses.DistillationLoss(
        HOSTS["DFKD"], losses.TopGap(0.8), normalize_level=True
    ),
    "supervised": supervised,
    "waveform": losses.OutputDistillation(losses.WaveformL1()),
    "SI-SDR": losses.OutputDistillation(losses.SISDRLoss()),
    "resolutions": losses.OutputDistillation(losses.MultiResolutionSTFT()),
}
every_host = pytest.mark.parametrize("host", HOSTS)
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def signals(batch=3, samples=6400):
    """Student, teacher, clean, float32 `[batch, samples]`; the student is
    worse than the teacher in places, and better in others."""
    generator = torch.Generator().manual_seed(0)

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


def value_and_gradient(loss, student, *rest):
    """Of a loss, the value and its gradient at the student's output."""
    student = student.detach().requires_grad_()
    value = loss(student, *rest)
    value.backward()
    return value.detach(), student.grad
