"""The values of the published functions (repository rlaehghks5/DISPATCH), for
parity alone: train with `DistillationLoss`.

What they keep of the published behaviour and `DistillationLoss` does not: no
lengths; the zeros that fill up a frame's last patch count in its mean; the
cosine has an absolute floor, so quiet equal signals are not at distance 0; the
sum is divided by the quota (L2), or by what the whole batch selected (DFKD).

Authors
 * The dispatch-sb contributors, 2026
"""

import torch

from dispatch_sb.losses.bands import adaptive_bands
from dispatch_sb.losses.dfkd import DFKD
from dispatch_sb.losses.distances import MagnitudeL2
from dispatch_sb.losses.precision import full_precision, without_autocast
from dispatch_sb.losses.selection import TopGap, top_gap
from dispatch_sb.losses.spectra import to_spectrum


def l2(patch_bins: int = 20, ratio: float = 0.8) -> torch.nn.Module:
    """The values of the published magnitude L2 loss with selection.

    Arguments
    ---------
    patch_bins : int
        Bins of a patch.
    ratio : float
        Fraction of the patches to keep, in (0, 1].

    Returns
    -------
    torch.nn.Module
        (student, teacher, clean), each `[batch, samples]` -> scalar.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Example
    -------
    >>> student, teacher, clean = torch.rand(3, 2, 16000)
    >>> l2(patch_bins=20, ratio=0.8)(student, teacher, clean).shape
    torch.Size([])
    """
    return _PublishedL2(MagnitudeL2(patch_bins), TopGap(ratio))


def dfkd(
    beta: float = 0.5,
    ratio: float = 0.8,
    patch_bins: tuple[int, int] = (10, 40),
) -> torch.nn.Module:
    """The values of the published DFKD loss with selection and multi-scale
    patches.

    Arguments
    ---------
    beta : float
        Share of the cosine in the high band, from 0 to 1.
    ratio : float
        Fraction of each band's candidates to keep, in (0, 1].
    patch_bins : tuple of int
        Bins of a patch in the low and in the high band.

    Returns
    -------
    torch.nn.Module
        (student, teacher, clean), each `[batch, samples]` -> scalar.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Example
    -------
    >>> student, teacher, clean = torch.rand(3, 2, 16000)
    >>> dfkd(beta=0.5, ratio=0.8)(student, teacher, clean).shape
    torch.Size([])
    """
    return _PublishedDFKD(DFKD(beta, patch_bins), TopGap(ratio))


class _Published(torch.nn.Module):
    """What both share: the spectra, and ratio and sizes that the
    host and the rule have checked."""

    def __init__(self, host, selection):
        super().__init__()
        self.ratio = selection.ratio
        self.grids = host.grids(sample_rate=16000, n_fft=512)
        self.host = host

    def forward(self, student, teacher, clean):
        """Waveforms `[batch, samples]` -> scalar."""
        with without_autocast(student):
            student, teacher, clean = full_precision(student, teacher, clean)
            student = to_spectrum(student)
            with torch.no_grad():
                teacher, clean = to_spectrum(teacher), to_spectrum(clean)
            return self.compute(student, teacher, clean)


class _PublishedL2(_Published):
    def compute(self, student, teacher, clean):
        """Spectra -> scalar."""
        distance = self._distance(student, teacher)
        with torch.no_grad():
            gap = self._distance(student, clean)
            gap = gap - self._distance(teacher, clean)
            everywhere = torch.ones_like(gap, dtype=torch.bool)
            selected = top_gap(gap, everywhere, self.ratio)
        return (distance * selected).sum() / (distance.numel() * self.ratio)

    def _distance(self, first, second):
        square = (first.magnitude - second.magnitude).square()
        return _padded_mean(square, self.grids[0])


class _PublishedDFKD(_Published):
    # Under the roots, and added to the product of the norms.
    FLOOR = 1e-8

    def compute(self, student, teacher, clean):
        """Spectra -> scalar."""
        frames = torch.full(
            teacher.real.shape[:1],
            teacher.real.shape[1],
            device=teacher.real.device,
        )
        low, high = adaptive_bands(teacher.magnitude, self.grids, frames)
        return sum(
            self._band_loss(student, teacher, clean, band, beta)
            for band, beta in ((low, 1.0), (high, self.host.beta))
        )

    def _band_loss(self, student, teacher, clean, band, beta):
        distance = self._distance(student, teacher, band, beta)
        with torch.no_grad():
            gap = self._distance(student, clean, band, beta)
            gap = gap - self._distance(teacher, clean, band, beta)
            selected = top_gap(gap, band.candidate, self.ratio)
        return (distance * selected).sum() / selected.sum()

    def _distance(self, first, second, band, beta):
        norms = [
            (band.sum(x.magnitude.square()) + self.FLOOR).sqrt()
            for x in (first, second)
        ]
        product = band.sum(first.product(second))
        cosine = product / (norms[0] * norms[1] + self.FLOOR)
        square = (first.magnitude - second.magnitude).square()
        square = square * band.mask
        mean = _padded_mean(square, band.grid)
        return beta * (1 - cosine) + (1 - beta) * mean


def _padded_mean(plane, grid):
    """Mean over patches that zeros fill up to their full size."""
    return grid.sum(plane) / grid.patch_bins
