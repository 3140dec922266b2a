"""Conventional distillation terms without patches or selection: student and
teacher compared as waveforms, or at several resolutions of the spectrum.

The terms take estimate and target `[batch, samples]`, optional relative lengths
`[batch]`, and reduction "mean" (scalar) or "batch" (`[batch]`). The estimate
alone gets gradient; everything is computed in float32 (float64 if given
float64), under autocast too.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch

from dispatch_sb.losses.lengths import (
    cut_beyond,
    frame_counts,
    mean_inside,
    reduced,
    sample_counts,
)
from dispatch_sb.losses.precision import full_precision, without_autocast
from dispatch_sb.losses.spectra import to_spectrum


class WaveformTerm(torch.nn.Module):
    """What the terms share; subclasses give `_per_utterance`, from estimate,
    target `[batch, samples]` and counts of samples to values `[batch]`."""

    def forward(
        self,
        estimate: torch.Tensor,
        target: torch.Tensor,
        lens: torch.Tensor | None = None,
        reduction: str = "mean",
    ) -> torch.Tensor:
        """The loss.

        Arguments
        ---------
        estimate : torch.Tensor
            The student's output, `[batch, samples]`; it alone gets gradient.
        target : torch.Tensor
            The teacher's output, or clean speech, `[batch, samples]`.
        lens : torch.Tensor, optional
            Length of each utterance relative to `samples`, `[batch]`. What
            lies beyond it changes nothing.
        reduction : str
            "mean" over the utterances, or "batch" for one value each.

        Returns
        -------
        torch.Tensor
            Scalar, or `[batch]`.

        Raises
        ------
        ValueError
            If the shapes differ or the reduction is unknown.
        """
        with without_autocast(estimate):
            estimate, target = full_precision(estimate, target)
            samples = sample_counts(lens, estimate)
            value = self._per_utterance(estimate, target.detach(), samples)
        return reduced(value, reduction)


class WaveformL1(WaveformTerm):
    """Mean absolute difference of the samples.

    Example
    -------
    >>> WaveformL1()(torch.zeros(1, 4), torch.tensor([[1.0, -1.0, 0.0, 0.0]]))
    tensor(0.5000)
    """

    def _per_utterance(self, estimate, target, samples):
        return mean_inside((estimate - target).abs(), samples)


class SISDRLoss(WaveformTerm):
    """Minus the scale-invariant signal-to-distortion ratio in dB (Le Roux et
    al., 2019), of signals whose mean is removed; never below -80 dB.

    Example
    -------
    >>> time = torch.arange(16000) / 16000
    >>> target = torch.sin(2 * torch.pi * 100 * time)[None]
    >>> error = 0.1 * torch.sin(2 * torch.pi * 300 * time)[None]
    >>> round(float(SISDRLoss()(0.5 * (target + error), target)), 3)
    -20.0
    """

    # Energy of an error that is not heard, relative to what it disturbs.
    RELATIVE_FLOOR = 1e-8
    ABSOLUTE_FLOOR = 1e-16

    def _per_utterance(self, estimate, target, samples):
        estimate, target = (
            cut_beyond(x - mean_inside(x, samples)[:, None], samples)
            for x in (estimate, target)
        )
        energy = target.square().sum(1) + self.ABSOLUTE_FLOOR
        scale = (estimate * target).sum(1) / energy
        wanted = scale.square() * energy
        error = (estimate - scale[:, None] * target).square().sum(1)
        floor = self.RELATIVE_FLOOR * wanted + self.ABSOLUTE_FLOOR
        return 10 * torch.log10((error + floor) / (wanted + floor))


class MultiResolutionSTFT(WaveformTerm):
    """Mean over several windows of the spectral convergence
    ||A| - |B|| / ||B|| (Frobenius norms) plus the mean of
    |ln |A| - ln |B|| (Yamamoto et al., 2020).

    Arguments
    ---------
    n_ffts : sequence of int
        Window and transform lengths in samples; the hop is a quarter.
    floor : float
        Added to the magnitudes before the logarithm.

    Raises
    ------
    ValueError
        If there is no window.

    Example
    -------
    >>> signal = torch.rand(1, 4000)
    >>> float(MultiResolutionSTFT()(signal, signal))
    0.0
    """

    def __init__(self, n_ffts=(512, 1024, 2048), floor: float = 1e-4):
        super().__init__()
        if not n_ffts:
            raise ValueError("n_ffts is empty: give at least one window.")
        self.n_ffts = tuple(n_ffts)
        self.floor = floor

    def _per_utterance(self, estimate, target, samples):
        values = [
            self._one_resolution(estimate, target, samples, n_fft)
            for n_fft in self.n_ffts
        ]
        return sum(values) / len(values)

    def _one_resolution(self, estimate, target, samples, n_fft):
        """Convergence and logarithmic distance of one window, `[batch]`."""
        hop = n_fft // 4
        first = to_spectrum(estimate, samples, n_fft, hop).magnitude
        second = to_spectrum(target, samples, n_fft, hop).magnitude
        error = _norm(first - second) / (_norm(second) + self.floor)
        logarithm = (first + self.floor).log() - (second + self.floor).log()
        frames = frame_counts(samples, hop)
        return error + mean_inside(logarithm.abs().mean(2), frames)


class OutputDistillation(torch.nn.Module):
    """Makes a term of this page a distillation loss: student against teacher,
    everywhere, called as `DistillationLoss` is.

    Arguments
    ---------
    term : torch.nn.Module
        Such as `WaveformL1`.

    Example
    -------
    >>> student, teacher, clean = torch.zeros(2, 4), torch.ones(2, 4), None
    >>> OutputDistillation(WaveformL1())(student, teacher, clean)
    tensor(1.)
    """

    def __init__(self, term: torch.nn.Module):
        super().__init__()
        self.term = term

    def forward(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        clean: torch.Tensor | None = None,
        lens: torch.Tensor | None = None,
        reduction: str = "mean",
        return_detail: bool = False,
    ):
        """The loss.

        Arguments
        ---------
        student, teacher : torch.Tensor
            `[batch, samples]`; the student's alone gets gradient. Of several
            teachers, `[batch, teachers, samples]`: the mean distance.
        clean : torch.Tensor, optional
            Unused: nothing is selected.
        lens : torch.Tensor, optional
            Length of each utterance relative to `samples`, `[batch]`.
        reduction : str
            "mean" (scalar) or "batch" (`[batch]`).
        return_detail : bool
            Whether to return the details as well: there are none.

        Returns
        -------
        torch.Tensor
            Scalar, or `[batch]`.
        dict
            Only with `return_detail`, empty.
        """
        del clean
        several = teacher.unbind(1) if teacher.dim() == 3 else [teacher]
        values = [self.term(student, x, lens, reduction) for x in several]
        value = sum(values) / len(values)
        return (value, {}) if return_detail else value


def _norm(plane):
    """Root of the sum of squares of each utterance, `[batch]`; its gradient
    at zero is zero."""
    return torch.linalg.vector_norm(plane, dim=(1, 2))
