"""The frequency-adaptive distillation loss: direction of the spectrum below a
border, direction and magnitude above it.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch

from dispatch_sb.losses.bands import adaptive_bands
from dispatch_sb.losses.host import Host
from dispatch_sb.losses.spectra import Spectrum


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
    floor_db : float
        Level in dB, relative to the teacher's largest bin in the utterance,
        below which patches count as silent, and so as equal: their energies
        and products get this much added. The gradient of a cosine grows as a
        patch gets quieter; this keeps pauses from outweighing speech.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Example
    -------
    >>> DFKD(beta=0.5, patch_bins=(10, 40))
    DFKD(patch_bins=(10, 40), band_edges_hz=None, patch_frames=1, beta=0.5)
    """

    # Least floor: its square is a normal float32.
    ABSOLUTE_FLOOR = 1e-16

    OWN_BANDS = 2

    def __init__(
        self,
        beta: float = 0.5,
        patch_bins: int | Sequence[int] = (10, 40),
        band_edges_hz: Sequence[float] | None = None,
        patch_frames: int = 1,
        floor_db: float = -40.0,
    ):
        super().__init__(patch_bins, band_edges_hz, patch_frames)
        if not -120 <= floor_db <= 0:
            raise ValueError(
                f"floor_db={floor_db} must be from -120 to 0 dB, such as -40."
            )
        self.floor_db = floor_db
        if not 0 <= beta <= 1:
            raise ValueError(
                f"beta={beta} must be from 0 (magnitude alone) to 1 (cosine "
                "alone)."
            )
        self.beta = beta

    def _bands(self, teacher, grids, frames):
        if self.band_edges_hz is None:
            return adaptive_bands(teacher.magnitude, grids, frames)
        return super()._bands(teacher, grids, frames)

    def _compare(self, student, teacher, clean, bands):
        with torch.no_grad():
            teacher_energy = inner_product(teacher, teacher)
            floor = self._floor(teacher_energy)
        student_energy = inner_product(student, student)
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
            inner_product(clean, clean),
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
        return 10 ** (self.floor_db / 10) * largest + self.ABSOLUTE_FLOOR

    def extra_repr(self):
        """Shown by `print`."""
        return f"{super().extra_repr()}, beta={self.beta}"


def inner_product(first: Spectrum, second: Spectrum) -> torch.Tensor:
    """Re<A, B> of two spectra per bin.

    Arguments
    ---------
    first, second : Spectrum
        Planes `[batch, frames, bins]`.

    Returns
    -------
    torch.Tensor
        `[batch, frames, bins]`.
    """
    return torch.addcmul(
        first.real * second.real, first.imaginary, second.imaginary
    )


def _cosine_distance(product, first_energy, second_energy):
    """1 - cosine, from sums over patches that hold the floor already. The
    root of the product, not the product of the roots: 0 for equal spectra,
    where the processor's root is exact, and never negative where it is not.
    There the gradient, which is nothing but rounding, is 0."""
    cosine = product / (first_energy * second_energy).sqrt()
    return (1 - cosine).clamp(min=0)
