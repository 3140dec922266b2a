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
        floor = self._floor(teacher.energy)
        betas = [self.beta if index else 1.0 for index in range(len(bands))]
        high = [beta < 1 for beta in betas]
        sums = _PatchSums.apply(*student, teacher, clean, bands, high)
        results = []
        for index, (band, beta) in enumerate(zip(bands, betas)):
            energy, product, square, known = sums[4 * index : 4 * index + 4]
            # Products and energies with the floor, the last plane without.
            energy, product = energy + floor, product + floor
            known[:4] += floor
            cosine = _cosine_distance(product, energy, known[0])
            distance = _mixed(cosine, square, band, beta)
            gap = None
            if clean is not None:
                gap = self._gap(energy, known, band, beta)
            results.append((distance, gap))
        return results

    @staticmethod
    @torch.no_grad()
    def _gap(own_energy, known, band, beta):
        """The Knowledge Gap Score of one band, `[batch, rows, patches]`."""
        teacher, energy, by_student, by_teacher = known[:4]
        gap = _cosine_distance(by_student, own_energy, energy)
        gap = gap - _cosine_distance(by_teacher, teacher, energy)
        return _mixed(gap, known[-1], band, beta)

    def _floor(self, energy):
        """What is added to energies and products, `[batch, 1, 1]`."""
        largest = energy.amax(dim=(1, 2), keepdim=True)
        return 10 ** (self.floor_db / 10) * largest + self.ABSOLUTE_FLOOR

    def extra_repr(self):
        """Shown by `print`."""
        return f"{super().extra_repr()}, beta={self.beta}"


class _PatchSums(torch.autograd.Function):
    """The student's planes, and what it is compared with -> for each band the
    sums over its patches, `[.., batch, rows, patches]`: those with gradient,
    which are the student's energy, its product with the teacher and in high
    bands the squared difference of the magnitudes; and those without, see
    `_known_planes`.

    Autograd would go back through every plane and every band by itself; here
    the bands meet before the planes do, in a third of the time.
    """

    @staticmethod
    def forward(ctx, *args):
        *student, teacher, clean, bands, high = args
        ctx.bands = bands
        student = Spectrum(*student)
        ctx.save_for_backward(student.magnitude, *teacher[:3])
        product = student.product(teacher)
        apart = (student.magnitude - teacher.magnitude).square_()
        known, known_high = _known_planes(student, teacher, clean)
        sums = []
        for band, both in zip(bands, high):
            sums += [band.sum(student.energy), band.sum(product)]
            sums += [band.sum(apart) if both else None]
            planes = known + known_high if both else known
            sums += [torch.stack([band.sum(plane) for plane in planes])]
        ctx.mark_non_differentiable(*sums[3::4])
        return tuple(sums)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        magnitude, real, imaginary, taught = ctx.saved_tensors
        planes = magnitude.new_zeros(3, *magnitude.shape)
        for index, band in enumerate(ctx.bands):
            for plane, grad in zip(planes, grads[4 * index : 4 * index + 3]):
                if grad is not None:
                    band.spread(grad, plane)
        energy, product, apart = planes
        apart = (magnitude - taught).mul_(apart).mul_(2)
        by_parts = product * real, product * imaginary
        return *by_parts, apart, energy, None, None, None, None


def _known_planes(student, teacher, clean):
    """What is summed without gradient, `[batch, frames, bins]` each: energy of
    the teacher; energy of clean; products of clean with student and teacher.
    And in high bands the difference of their squared distances."""
    if clean is None:
        return [teacher.energy], []
    ours, theirs = student.magnitude, teacher.magnitude
    # (s - c)^2 - (t - c)^2
    nearer = (ours + theirs).sub_(clean.magnitude, alpha=2)
    nearer.mul_(ours - theirs)
    by_clean = student.product(clean), teacher.product(clean)
    return [teacher.energy, clean.energy, *by_clean], [nearer]


def _mixed(cosine, square, band, beta):
    """The cosine, and in high bands the mean of a sum of squares."""
    if beta == 1:
        return cosine
    return beta * cosine + (1 - beta) * (square / band.sizes.clamp(min=1))


def _cosine_distance(product, first_energy, second_energy):
    """1 - cosine, from sums over patches that hold the floor already. The
    root of the product, not the product of the roots: 0 for equal spectra,
    where the processor's root is exact, and never negative where it is not.
    There the gradient, which is nothing but rounding, is 0."""
    cosine = product / (first_energy * second_energy).sqrt()
    return (1 - cosine).clamp(min=0)
