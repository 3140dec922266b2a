"""How far the student moved from the noisy input towards the teacher, patch
by patch, in the distances of the distillation loss. Needs no clean speech.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from dispatch_sb.losses.lengths import frame_counts
from dispatch_sb.losses.spectra import to_spectrum
from dispatch_sb.report.gap import BandMap, band_maps

# Patches in which the teacher changed less than this share of what it changed
# in the band's loudest changes (the 95th percentile) are left blank.
LITTLE = 0.05

EXPLANATION = (
    "Each patch shows 1 − distance(student, teacher) / distance(noisy, "
    "teacher), measured by the distillation loss: 1 where the student arrived "
    "at the teacher’s output, 0 where it is as far from it as the noisy input "
    "was, below 0 where it went the other way, and blank where the teacher "
    "changed next to nothing. The percentages compare the sums of the "
    "distances."
)


class Followed(NamedTuple):
    """Where the teacher was followed.

    Arguments
    ---------
    maps : list of BandMap
        Per band of the loss; `gap` holds the share of the way, at most 1, and
        `candidate` tells which patches are shown.
    shares : dict
        The share of the way by band, over all its patches: 1 minus the sum of
        the student's distances over the sum of the noisy input's.
    """

    maps: list[BandMap]
    shares: dict[str, float]


def followed(
    loss: torch.nn.Module, signals: Mapping[str, np.ndarray]
) -> Followed:
    """Compares how far student and noisy input are from the teacher.

    Arguments
    ---------
    loss : DistillationLoss
        Gives patches and distance.
    signals : mapping
        Waveforms `[samples]` of noisy, student and teacher.

    Returns
    -------
    Followed
        The maps, and their summary.

    Raises
    ------
    ValueError
        If the signals are too short for the loss.

    Example
    -------
    >>> from dispatch_sb.losses import DistillationLoss, MagnitudeL2
    >>> noisy, teacher = np.random.default_rng(0).normal(size=(2, 4000))
    >>> signals = {"noisy": noisy, "student": teacher, "teacher": teacher}
    >>> followed(DistillationLoss(MagnitudeL2()), signals).shares
    {'all': 1.0}
    """
    detail, shares = {}, {}
    for band, after, before in _distances(loss, signals):
        shown = band.candidate & (before > _least(before, band.candidate))
        share = 1 - after / torch.where(shown, before, 1.0)
        detail[band.name] = {
            "gap": share,
            "selected": shown,
            "candidate": shown,
            "edges_hz": band.grid.edges_hz(),
        }
        inside = band.candidate.to(before.dtype)
        total = float((before * inside).sum())
        if total > 0:
            rest = float((after * inside).sum())
            shares[band.name] = 1 - rest / total
    frame_seconds = loss.hop / loss.sample_rate
    patch_frames = loss.host.patch_frames
    return Followed(
        band_maps(detail, 0, frame_seconds, None, patch_frames), shares
    )


@torch.no_grad()
def _distances(loss, signals) -> list[tuple]:
    """Every band of the loss with the distances to the teacher in it: of the
    student, of the noisy input, `[1, rows, patches]` float64."""
    names = ("noisy", "student", "teacher")
    waveforms = [torch.as_tensor(signals[k]).double()[None] for k in names]
    if loss.normalize_level:  # in training the clean speech gives the level
        level = waveforms[2].square().mean().sqrt().clamp(min=1e-5)
        waveforms = [waveform / level for waveform in waveforms]
    noisy, student, teacher = (
        to_spectrum(waveform, None, loss.n_fft, loss.hop)
        for waveform in waveforms
    )
    samples = torch.tensor([waveforms[0].shape[1]])
    frames = frame_counts(samples, loss.hop)
    after, before = (
        loss.host(one, teacher, None, frames, loss.sample_rate, loss.n_fft)
        for one in (student, noisy)
    )
    return [(b, near, far) for (b, near, _), (_, far, _) in zip(after, before)]


def _least(before: torch.Tensor, candidate: torch.Tensor) -> float:
    """The distance up to which the teacher counts as having changed next to
    nothing."""
    inside = before[candidate]
    if not len(inside):
        return 0.0
    # Below float32's precision a distance is only the models' rounding.
    return max(LITTLE * float(torch.quantile(inside, 0.95)), 1e-9)
