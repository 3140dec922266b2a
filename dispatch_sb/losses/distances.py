"""The distillation losses that selection plugs into: how far two spectra are
apart in every patch of every band.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch

from dispatch_sb.losses.bands import (
    Band,
    adaptive_bands,
    fixed_bands,
    fixed_grids,
)
from dispatch_sb.losses.patches import PatchGrid
from dispatch_sb.losses.spectra import Spectrum


class Host(torch.nn.Module):
    """What all distillation losses share: the layout of the patches.

    Arguments
    ---------
    patch_bins : int or sequence of int
        Bins of a patch; a sequence gives one size per band (multi-scale
        patches, MSSP).
    band_edges_hz : sequence of float, optional
        Rising borders between the bands in Hz; without, a single band.
    patch_frames : int
        Frames of a patch.

    Raises
    ------
    ValueError
        If a size is not a positive whole number, the edges do not rise, or
        there is not one size per band.
    """

    # Bands without fixed edges.
    OWN_BANDS = 1

    def __init__(self, patch_bins=20, band_edges_hz=None, patch_frames=1):
        super().__init__()
        count = self.OWN_BANDS
        if band_edges_hz is not None:
            band_edges_hz = tuple(band_edges_hz)
            count = len(band_edges_hz) + 1
        self.band_edges_hz = band_edges_hz
        self.patch_bins = _one_per_band(patch_bins, count)
        self.patch_frames = patch_frames
        for size in (*self.patch_bins, patch_frames):
            if size != int(size) or size < 1:
                raise ValueError(
                    f"patch_bins={patch_bins} and patch_frames={patch_frames} "
                    "must be whole numbers, at least 1."
                )

    def grids(self, sample_rate: int, n_fft: int) -> list[PatchGrid]:
        """The grid of every band, low to high.

        Arguments
        ---------
        sample_rate : int
            Samples per second.
        n_fft : int
            Transform length in samples.

        Raises
        ------
        ValueError
            If a patch is larger than the spectrum or a band is empty.
        """
        bins = n_fft // 2 + 1
        if max(self.patch_bins) > bins:
            raise ValueError(
                f"patch_bins={self.patch_bins} must be at most {bins}, the "
                f"bins of a spectrum with n_fft={n_fft}."
            )
        if self.band_edges_hz is None:
            return [
                PatchGrid(0, bins - 1, size, self.patch_frames)
                for size in self.patch_bins
            ]
        return fixed_grids(
            self.band_edges_hz,
            self.patch_bins,
            self.patch_frames,
            sample_rate,
            n_fft,
        )

    def bands(
        self, teacher: Spectrum, grids: list[PatchGrid], frames: torch.Tensor
    ) -> list[Band]:
        """The bands of a batch.

        Arguments
        ---------
        teacher : Spectrum
            Planes `[batch, frames, bins]`.
        grids : list of PatchGrid
            From `grids`.
        frames : torch.Tensor
            Frames of each utterance, `[batch]` int64.
        """
        return fixed_bands(grids, frames, teacher.magnitude.shape[1])

    def extra_repr(self) -> str:
        """Shown by `print`."""
        return (
            f"patch_bins={self.patch_bins}, band_edges_hz="
            f"{self.band_edges_hz}, patch_frames={self.patch_frames}"
        )


class BinwiseHost(Host):
    """A distance that is the mean over a patch's bins of a distance per bin,
    which subclasses give as `features` and `per_bin`.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames
        See `Host`.
    """

    def features(self, spectrum: Spectrum) -> tuple[torch.Tensor, ...]:
        """What is compared of a spectrum, planes `[batch, frames, bins]`."""
        return (spectrum.magnitude,)

    def per_bin(self, first, second) -> torch.Tensor:
        """Distance of two spectra's features, `[batch, frames, bins]`."""
        return sum((a - b).square() for a, b in zip(first, second))

    def forward(self, student, teacher, clean, bands):
        """Distances and scores of every band.

        Arguments
        ---------
        student, teacher, clean : Spectrum
            Planes `[batch, frames, bins]`; gradient flows to the student's
            alone. Without `clean` there are no scores.
        bands : list of Band
            From `bands`.

        Returns
        -------
        list of tuple
            Per band the distance from student to teacher and the Knowledge
            Gap Score (without gradient), `[batch, rows, patches]`.
        """
        student = self.features(student)
        with torch.no_grad():
            teacher = self.features(teacher)
            if clean is not None:
                clean = self.features(clean)
                gap = self.per_bin(student, clean)
                gap = gap - self.per_bin(teacher, clean)
        plane = self.per_bin(student, teacher)
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
    patch_bins, band_edges_hz, patch_frames
        See `Host`.

    Example
    -------
    >>> MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,))
    MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,), patch_frames=1)
    """


class MagnitudeL1(BinwiseHost):
    """Mean over the patch of ||A| - |B||.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames
        See `Host`.
    """

    def per_bin(self, first, second):
        """See `BinwiseHost`."""
        return (first[0] - second[0]).abs()


class LogMagnitude(BinwiseHost):
    """Mean over the patch of (ln(|A| + floor) - ln(|B| + floor))^2, the
    square of the log-spectral distance (Gray and Markel, 1976).

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames
        See `Host`.
    floor : float
        Added to the magnitudes, so that silence does not dominate; a sine at
        full scale has magnitude 128.
    """

    def __init__(
        self, patch_bins=20, band_edges_hz=None, patch_frames=1, floor=1e-3
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not floor > 0:
            raise ValueError(f"floor={floor} must be positive, such as 1e-3.")
        self.floor = floor

    def features(self, spectrum):
        """See `BinwiseHost`."""
        return (torch.log(spectrum.magnitude + self.floor),)


class CompressedMagnitude(BinwiseHost):
    """Mean over the patch of (|A|^power - |B|^power)^2.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames
        See `Host`.
    power : float
        In (0, 1]; 0.3 is usual for speech.
    """

    # Without it the slope at zero would be infinite; about the magnitude of
    # 16-bit rounding noise.
    FLOOR = 1e-4

    def __init__(
        self, patch_bins=20, band_edges_hz=None, patch_frames=1, power=0.3
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not 0 < power <= 1:
            raise ValueError(
                f"power={power} must be above 0 and at most 1, such as 0.3."
            )
        self.power = power

    def features(self, spectrum):
        """See `BinwiseHost`."""
        return ((spectrum.magnitude + self.FLOOR).pow(self.power),)


class ComplexL2(BinwiseHost):
    """Mean over the patch of |A - B|^2 on the complex spectra.

    Arguments
    ---------
    patch_bins, band_edges_hz, patch_frames
        See `Host`.
    """

    def features(self, spectrum):
        """See `BinwiseHost`."""
        return spectrum.real, spectrum.imaginary


class DFKD(Host):
    """Dynamic frequency-adaptive distillation (arXiv 2502.04711): below a
    border the cosine distance of the complex spectra, above it the mixture
    beta * cosine + (1 - beta) * mean of (|A| - |B|)^2.

    Arguments
    ---------
    beta : float
        Share of the cosine in the high band, from 0 to 1.
    patch_bins : int or sequence of int
        Bins of a patch in the low and in the high band.
    band_edges_hz : sequence of float, optional
        Fixed borders in Hz instead of the border that follows the teacher in
        every frame; the first band is the low one, all others are high ones.
    patch_frames : int
        Frames of a patch.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Example
    -------
    >>> DFKD(beta=0.5, patch_bins=(10, 40))
    DFKD(patch_bins=(10, 40), band_edges_hz=None, patch_frames=1, beta=0.5)
    """

    # Added to the energies of a patch and to the product of two spectra, so
    # that two silent patches are equal: 90 dB below the largest bin of the
    # teacher's utterance, and enough for its square to be a normal float32.
    RELATIVE_FLOOR = 1e-9
    ABSOLUTE_FLOOR = 1e-16

    OWN_BANDS = 2

    def __init__(
        self,
        beta=0.5,
        patch_bins=(10, 40),
        band_edges_hz=None,
        patch_frames=1,
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not 0 <= beta <= 1:
            raise ValueError(
                f"beta={beta} must be from 0 (magnitude alone) to 1 (cosine "
                "alone)."
            )
        self.beta = beta

    def bands(self, teacher, grids, frames):
        """See `Host`."""
        if self.band_edges_hz is None:
            return adaptive_bands(teacher.magnitude, grids, frames)
        return super().bands(teacher, grids, frames)

    def forward(self, student, teacher, clean, bands):
        """See `BinwiseHost.forward`."""
        with torch.no_grad():
            teacher_energy = teacher.magnitude.square()
            floor = self._floor(teacher_energy)
        student_energy = student.magnitude.square()
        product = inner_product(student, teacher)
        square = (student.magnitude - teacher.magnitude).square()
        if clean is not None:
            gap_planes = self._gap_planes(student.detach(), teacher, clean)
        results = []
        for index, band in enumerate(bands):
            beta = self.beta if index else 1.0
            energies = [
                band.sum(plane) + floor
                for plane in (student_energy, teacher_energy)
            ]
            distance = _cosine_distance(band.sum(product) + floor, *energies)
            if beta < 1:
                distance = beta * distance + (1 - beta) * band.mean(square)
            gap = None
            if clean is not None:
                gap = self._gap(gap_planes, energies, band, floor, beta)
            results.append((distance, gap))
        return results

    @staticmethod
    @torch.no_grad()
    def _gap_planes(student, teacher, clean):
        """What `_gap` sums over patches: the energy of clean, its products
        with student and teacher, the difference of the squared distances."""
        worse = (student.magnitude - clean.magnitude).square()
        better = (teacher.magnitude - clean.magnitude).square()
        return (
            clean.magnitude.square(),
            inner_product(student, clean),
            inner_product(teacher, clean),
            worse - better,
        )

    @staticmethod
    @torch.no_grad()
    def _gap(planes, energies, band, floor, beta):
        """The Knowledge Gap Score of one band, `[batch, rows, patches]`."""
        energy, by_student, by_teacher = (
            band.sum(plane) + floor for plane in planes[:3]
        )
        gap = _cosine_distance(by_student, energies[0], energy)
        gap = gap - _cosine_distance(by_teacher, energies[1], energy)
        if beta < 1:
            gap = beta * gap + (1 - beta) * band.mean(planes[3])
        return gap

    def _floor(self, energy):
        """What is added to energies and products, `[batch, 1, 1]`."""
        largest = energy.amax(dim=(1, 2), keepdim=True)
        return self.RELATIVE_FLOOR * largest + self.ABSOLUTE_FLOOR

    def extra_repr(self):
        """Shown by `print`."""
        return f"{super().extra_repr()}, beta={self.beta}"


def inner_product(first, second):
    """Re<A, B> of two spectra per bin, `[batch, frames, bins]`."""
    return torch.addcmul(
        first.real * second.real, first.imaginary, second.imaginary
    )


def _cosine_distance(product, first_energy, second_energy):
    """1 - cosine, from sums over patches that hold the floor already. The
    root of the product, not the product of the roots: exactly 0 for equal
    spectra."""
    return 1 - product / (first_energy * second_energy).sqrt()


def _one_per_band(patch_bins, bands):
    """Patch sizes as a tuple with one entry for each band."""
    try:
        sizes = tuple(patch_bins)
    except TypeError:
        sizes = (patch_bins,) * bands
    if len(sizes) != bands:
        raise ValueError(
            f"patch_bins={patch_bins} has {len(sizes)} sizes for {bands} "
            "bands: give one size, or one for each band."
        )
    return sizes
