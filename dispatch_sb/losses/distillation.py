"""The distillation loss: a host says how far student and teacher are apart in
every patch, a selection rule says in which patches the teacher is followed.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from dataclasses import replace

import torch

from dispatch_sb.losses.lengths import (
    frame_counts,
    mean_inside,
    reduced,
    sample_counts,
)
from dispatch_sb.losses.precision import full_precision, without_autocast
from dispatch_sb.losses.spectra import to_spectrum


class DistillationLoss(torch.nn.Module):
    """Host times selection: the mean distance from student to teacher over
    the selected patches of every utterance, added over the bands.

    The score that selects needs no gradient, and the teacher gets none.
    Everything is computed in float32 (float64 if given float64), under
    autocast too, and nothing waits for the device.

    There may be several teachers: in every patch the student follows the one
    with the largest score, and the rule selects by that score.

    Arguments
    ---------
    host : torch.nn.Module
        A distance of `dispatch_sb.losses`, such as `DFKD`.
    selection : torch.nn.Module, optional
        A rule of `dispatch_sb.losses`, such as `TopGap`. Without one every
        patch counts: conventional distillation.
    sample_rate : int
        Samples per second of the waveforms.
    n_fft : int
        Window and transform length in samples.
    hop : int
        Samples between frames.
    normalize_level : bool
        Whether to scale each utterance's three signals by one factor that
        brings its clean speech to a root mean square of 1, so that quiet
        utterances count as much as loud ones, and beta means the same.

    Raises
    ------
    ValueError
        If the host's patches or bands do not fit the spectrum.

    Example
    -------
    >>> from dispatch_sb.losses import DFKD, TopGap
    >>> _ = torch.manual_seed(0)
    >>> clean, noise = 0.1 * torch.randn(2, 2, 16000)
    >>> student = (clean + noise).requires_grad_()
    >>> teacher = clean + 0.3 * noise
    >>> loss = DistillationLoss(DFKD(), selection=TopGap(0.8))
    >>> loss(student, teacher, clean).backward()
    >>> student.grad.shape
    torch.Size([2, 16000])
    >>> value, detail = loss(student, teacher, clean, return_detail=True)
    >>> detail["high"]["gap"].shape
    torch.Size([2, 126, 7])
    >>> bool((detail["high"]["selected_share"] <= 0.8).all())
    True
    """

    def __init__(
        self,
        host: torch.nn.Module,
        selection: torch.nn.Module | None = None,
        sample_rate: int = 16000,
        n_fft: int = 512,
        hop: int = 128,
        normalize_level: bool = False,
    ):
        super().__init__()
        host.grids(sample_rate, n_fft)  # or says now what does not fit
        self.host = host
        self.selection = selection
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop = hop
        self.normalize_level = normalize_level

    def forward(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        clean: torch.Tensor,
        lens: torch.Tensor | None = None,
        reduction: str = "mean",
        return_detail: bool = False,
    ):
        """The loss.

        Arguments
        ---------
        student : torch.Tensor
            The student's output, `[batch, samples]`; it alone gets gradient.
        teacher : torch.Tensor
            The teacher's output, `[batch, samples]`; of several,
            `[batch, teachers, samples]`.
        clean : torch.Tensor
            The clean speech, `[batch, samples]`.
        lens : torch.Tensor, optional
            Length of each utterance relative to `samples`, `[batch]`. What
            lies beyond it changes nothing.
        reduction : str
            "mean" over the utterances, or "batch" for one value each.
        return_detail : bool
            Whether to return the maps as well.

        Returns
        -------
        torch.Tensor
            Scalar, or `[batch]`.
        dict
            Only with `return_detail`: per band "gap", "selected" (weights
            from 0 to 1), "candidate" (bool), all `[batch, rows, patches]`,
            "edges_hz" `[patches + 1]`, "selected_share" and "mean_gap" over
            the candidates `[batch]`; of several teachers "teacher", the
            number of the one that is followed, `[batch, rows, patches]`, and
            "followed_share" of the selected patches, `[batch, teachers]`.

        Raises
        ------
        ValueError
            If the signals' shapes differ or are too short for one window, or
            the reduction is unknown.
        """
        with without_autocast(student):
            several = teacher.unbind(1) if teacher.dim() == 3 else [teacher]
            student, clean, *teachers = full_precision(student, clean, *several)
            value, detail = self._compute(
                student, teachers, clean, lens, return_detail
            )
        value = reduced(value, reduction)
        return (value, detail) if return_detail else value

    def _compute(self, student, teachers, clean, lens, return_detail):
        """Loss of each utterance `[batch]`, and the details."""
        batch, length = student.shape
        samples = sample_counts(lens, student)
        if self.normalize_level:
            factor = _level_factor(clean, samples)
            student, clean, *teachers = (
                factor * signal for signal in (student, clean, *teachers)
            )
        scored = self.selection is not None or return_detail
        student, clean, *teachers = self._spectra(
            student,
            clean if scored or len(teachers) > 1 else None,
            teachers,
            samples,
        )
        if samples is None:
            samples = torch.full((batch,), length, device=student.real.device)
        frames = frame_counts(samples, self.hop)
        kind = self.sample_rate, self.n_fft
        compared = [
            self.host(student, teacher, clean, frames, *kind)
            for teacher in teachers
        ]
        value, detail = 0.0, {}
        for choice in zip(*compared):
            band, distance, gap, followed = _best_teacher(choice)
            weight = band.candidate
            if self.selection is not None:
                weight = self.selection(gap, weight)
            weight = weight.to(distance.dtype)
            value = value + _weighted_mean(distance, weight)
            if return_detail:
                detail[band.name] = _detail(
                    band, gap, weight, followed, len(teachers)
                )
        return value, detail

    def _spectra(self, student, clean, teachers, samples):
        """All spectra; the student's alone carries gradient, so that backward
        inverts no other."""
        kind = samples, self.n_fft, self.hop
        student = to_spectrum(student, *kind)
        with torch.no_grad():
            clean = clean if clean is None else to_spectrum(clean, *kind)
            teachers = [to_spectrum(teacher, *kind) for teacher in teachers]
        return student, clean, *teachers


def _best_teacher(choice):
    """Of one band as every teacher has it: what is to be followed in each
    patch, and the teacher's number, None without others."""
    if len(choice) == 1:
        return *choice[0], None
    bands, distances, gaps = (list(column) for column in zip(*choice))
    candidates = torch.stack([band.candidate for band in bands])
    gaps = torch.stack(gaps)
    best = gaps.masked_fill(~candidates, -math.inf).argmax(0, keepdim=True)
    band = replace(bands[0], candidate=candidates.any(0))
    distance = torch.stack(distances).gather(0, best)[0]
    return band, distance, gaps.gather(0, best)[0], best[0]


def _detail(band, gap, weight, teacher, count):
    """What reports show of one band; of several teachers who is followed, how
    often."""
    candidate = band.candidate.to(weight.dtype)
    maps = {
        "gap": gap,
        "selected": weight,
        "candidate": band.candidate,
        "edges_hz": band.grid.edges_hz(gap.device),
        "selected_share": _weighted_mean(weight, candidate),
        "mean_gap": _weighted_mean(gap, candidate),
    }
    if teacher is not None:
        shares = [
            _weighted_mean((teacher == number).to(weight.dtype), weight)
            for number in range(count)
        ]
        maps |= {"teacher": teacher, "followed_share": torch.stack(shares, 1)}
    return maps


def _weighted_mean(value, weight):
    """Mean of each utterance `[batch]`; 0 where all weights are 0."""
    total = weight.flatten(1).sum(1)
    return (value * weight).flatten(1).sum(1) / (total + (total == 0))


@torch.no_grad()
def _level_factor(clean, samples):
    """What brings `clean` to a root mean square of 1, `[batch, 1]`, or to
    100 dB more than it has, for near silence."""
    energy = mean_inside(clean.square(), samples)
    return 1 / energy.sqrt().clamp(min=1e-5)[:, None]
