"""Measures what a model does to a known sound: whether its output lags, and
whether it forgets how loud its input was.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import torch
from torch import nn

from dispatch_sb.pretrained.frozen import as_waveforms


@torch.no_grad()
def estimate_delay(
    model: nn.Module,
    sample_rate: int = 16000,
    probe: torch.Tensor | None = None,
) -> int:
    """Measures by how many samples a model's output lags behind its input.

    The lag of the largest cross-correlation between a probe and the model's
    answer to it. Real speech is the better probe for a strong enhancer; the
    built-in one is a voice-like sound.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms [batch, samples] in and out; run in evaluation mode.
    sample_rate : int
        In Hz, of the probe.
    probe : torch.Tensor, optional
        Waveform [samples].

    Returns
    -------
    int
        Delay in samples, zero or more.

    Example
    -------
    >>> late = nn.ConstantPad1d((7, 0), 0.0)
    >>> estimate_delay(late)
    7
    """
    probe = voice_like(sample_rate) if probe is None else probe
    answer = _answer(model, probe)
    size = probe.shape[0] + answer.shape[0]
    correlation = torch.fft.irfft(
        torch.fft.rfft(answer, size) * torch.fft.rfft(probe, size).conj(), size
    )
    return int(correlation[: answer.shape[0]].abs().argmax())


@torch.no_grad()
def forgets_level(model: nn.Module, sample_rate: int = 16000) -> bool:
    """Whether a model returns the same peak for a loud and a quiet input.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms [batch, samples] in and out; run in evaluation mode.
    sample_rate : int
        In Hz, of the model's input.

    Returns
    -------
    bool
        True if an input 12 dB quieter comes out as loud, within 1 %.

    Raises
    ------
    ValueError
        If what comes out is not finite.

    Example
    -------
    >>> class Normalizing(nn.Module):
    ...     def forward(self, noisy):
    ...         return noisy / noisy.abs().amax(1, keepdim=True)
    >>> forgets_level(Normalizing()), forgets_level(nn.Identity())
    (True, False)
    """
    probe = voice_like(sample_rate)
    loud = _answer(model, probe).abs().max()
    if not loud.isfinite():
        raise ValueError("it returns NaN or infinity")
    quiet = _answer(model, probe / 4).abs().max()
    return bool(loud > 0 and (quiet / loud - 1).abs() < 0.01)


def voice_like(sample_rate: int, seconds: float = 1.0) -> torch.Tensor:
    """Makes a deterministic voice-like sound for measurements.

    Harmonics of a gliding pitch, swelling and fading four times per second.

    Arguments
    ---------
    sample_rate : int
        In Hz.
    seconds : float
        Duration.

    Returns
    -------
    torch.Tensor
        Float32 [samples], peak 0.5.

    Example
    -------
    >>> voice_like(16000).shape
    torch.Size([16000])
    """
    time = torch.arange(int(seconds * sample_rate)).double() / sample_rate
    # Pitch from 100 to 180 Hz; its integral is the phase of the first harmonic.
    phase = 2 * math.pi * (100 * time + 40 * time.square() / seconds)
    harmonics = range(1, int(min(0.4 * sample_rate, 20000) / 180))
    voice = sum(torch.sin(k * phase + k * k) / k for k in harmonics)
    voice = voice * torch.sin(4 * math.pi * time).square()
    return (0.5 * voice / voice.abs().max()).float()


def _answer(model: nn.Module, probe: torch.Tensor) -> torch.Tensor:
    """A model's output [samples] for one probe [samples]; its mode is kept."""
    modes = [(module, module.training) for module in model.modules()]
    device = next((p.device for p in model.parameters()), probe.device)
    model.eval()
    try:
        return as_waveforms(model(probe[None].to(device)))[0].cpu()
    finally:
        for module, mode in modes:
            module.training = mode
