"""Distances that are means over the bins of a patch: of magnitudes, their
logarithms or powers, and of complex spectra.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch

from dispatch_sb.losses.host import Host
from dispatch_sb.losses.spectra import Spectrum


class BinwiseHost(Host):
    """A distance that is the mean over a patch's bins of a distance per bin,
    which subclasses give as `_features` and
    `_per_bin`.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`
    """

    def _features(self, spectrum: Spectrum) -> tuple[torch.Tensor, ...]:
        """What is compared of a spectrum, planes `[batch, frames, bins]`."""
        return (spectrum.magnitude,)

    def _per_bin(self, first, second) -> torch.Tensor:
        """Distance of two spectra's features, `[batch, frames, bins]`."""
        return sum((a - b).square() for a, b in zip(first, second))

    def _compare(self, student, teacher, clean, bands):
        student = self._features(student)
        with torch.no_grad():
            teacher = self._features(teacher)
            if clean is not None:
                clean = self._features(clean)
                gap = self._per_bin(student, clean)
                gap = gap - self._per_bin(teacher, clean)
        plane = self._per_bin(student, teacher)
        results = []
        for band in bands:
            score = None if clean is None else band.mean(gap)
            results.append((band.mean(plane), score))
        return results


class MagnitudeL2(BinwiseHost):
    """Mean over the patch of (|A| - |B|)^2, the loss that DISPatch (arXiv
    2509.15922) was first published with.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`

    Example
    -------
    >>> MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,))
    MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,), patch_frames=1)
    """


class MagnitudeL1(BinwiseHost):
    """Mean over the patch of ||A| - |B||.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`
    """

    def _per_bin(self, first, second):
        return (first[0] - second[0]).abs()


class LogMagnitude(BinwiseHost):
    """Mean over the patch of (ln(|A| + floor) - ln(|B| + floor))^2, the
    square of the log-spectral distance (Gray and Markel, 1976).

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`
    floor : float
        Added to the magnitudes, so that silence does not dominate; a sine at
        full scale has magnitude 128.
    """

    def __init__(
        self,
        patch_bins: int | Sequence[int] = 20,
        band_edges_hz: Sequence[float] | None = None,
        patch_frames: int = 1,
        floor: float = 1e-3,
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not floor > 0:
            raise ValueError(f"floor={floor} must be positive, such as 1e-3.")
        self.floor = floor

    def _features(self, spectrum):
        return (torch.log(spectrum.magnitude + self.floor),)


class CompressedMagnitude(BinwiseHost):
    """Mean over the patch of (|A|^power - |B|^power)^2.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`
    power : float
        In (0, 1]; 0.3 is usual for speech.
    """

    # Without it the slope at zero would be infinite; about the magnitude of
    # 16-bit rounding noise.
    FLOOR = 1e-4

    def __init__(
        self,
        patch_bins: int | Sequence[int] = 20,
        band_edges_hz: Sequence[float] | None = None,
        patch_frames: int = 1,
        power: float = 0.3,
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not 0 < power <= 1:
            raise ValueError(
                f"power={power} must be above 0 and at most 1, such as 0.3."
            )
        self.power = power

    def _features(self, spectrum):
        return ((spectrum.magnitude + self.FLOOR).pow(self.power),)


class ComplexL2(BinwiseHost):
    """Mean over the patch of |A - B|^2 on the complex spectra.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames : see `Host`
    """

    def _features(self, spectrum):
        return spectrum.real, spectrum.imaginary
