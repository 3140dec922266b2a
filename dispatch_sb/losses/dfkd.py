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
        known = _known_planes(student.detach(), teacher, clean)
        floor = self._floor(known[0])
        betas = [self.beta if index else 1.0 for index in range(len(bands))]
        # Magnitudes, the last plane of both kinds, matter in high bands alone.
        high = [beta < 1 for beta in betas]
        compared = _ComparedSums.apply(*student, teacher, bands, high)
        results = []
        for band, beta, sums in zip(bands, betas, compared):
            of_known = band.sum(known if beta < 1 else known[:4])
            energies = sums[0] + floor, of_known[0] + floor
            distance = _cosine_distance(sums[1] + floor, *energies)
            if beta < 1:
                square = sums[2] / band.sizes.clamp(min=1)
                distance = beta * distance + (1 - beta) * square
            gap = None
            if clean is not None:
                gap = self._gap(of_known[1:], energies, band, floor, beta)
            results.append((distance, gap))
        return results

    @staticmethod
    @torch.no_grad()
    def _gap(sums, energies, band, floor, beta):
        """The Knowledge Gap Score of one band, `[batch, rows, patches]`."""
        energy, by_student, by_teacher = sums[:3] + floor
        gap = _cosine_distance(by_student, energies[0], energy)
        gap = gap - _cosine_distance(by_teacher, energies[1], energy)
        if beta < 1:
            square = sums[3] / band.sizes.clamp(min=1)
            gap = beta * gap + (1 - beta) * square
        return gap

    def _floor(self, energy):
        """What is added to energies and products, `[batch, 1, 1]`."""
        largest = energy.amax(dim=(1, 2), keepdim=True)
        return 10 ** (self.floor_db / 10) * largest + self.ABSOLUTE_FLOOR

    def extra_repr(self):
        """Shown by `print`."""
        return f"{super().extra_repr()}, beta={self.beta}"


class _ComparedSums(torch.autograd.Function):
    """Student's planes, teacher's spectrum -> sums of each band's patches,
    `[2 or 3, batch, rows, patches]`: the student's energy, its product with
    the teacher, the squared difference of the magnitudes.

    Autograd would go back through every plane and every band by itself; here
    the bands meet before the planes do, in a third of the time.
    """

    @staticmethod
    def forward(ctx, real, imaginary, magnitude, teacher, bands, high):
        ctx.save_for_backward(real, imaginary, magnitude, *teacher)
        ctx.bands = bands
        student = Spectrum(real, imaginary, magnitude)
        planes = real.new_empty(3, *real.shape)
        inner_product(student, student, out=planes[0])
        inner_product(student, teacher, out=planes[1])
        torch.sub(magnitude, teacher.magnitude, out=planes[2]).square_()
        pairs = zip(bands, high)
        return tuple(band.sum(planes[: 2 + both]) for band, both in pairs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads):
        real, imaginary, magnitude, *teacher = ctx.saved_tensors
        planes = real.new_zeros(3, *real.shape)
        for band, grad in zip(ctx.bands, grads):
            band.spread(grad, planes[: len(grad)])
        energy, product, square = planes[0].mul_(2), planes[1], planes[2]
        return (
            (energy * real).addcmul_(product, teacher[0]),
            (energy * imaginary).addcmul_(product, teacher[1]),
            square.mul_(magnitude - teacher[2]).mul_(2),
            None,
            None,
            None,
        )


@torch.no_grad()
def _known_planes(student, teacher, clean):
    """What is summed without gradient, `[1 or 5, batch, frames, bins]`: the
    energies of teacher and clean; products of clean with student and teacher;
    the difference of their squared distances."""
    pairs = [(teacher, teacher)]
    if clean is not None:
        pairs += [(clean, clean), (student, clean), (teacher, clean)]
    count = len(pairs) + (clean is not None)
    planes = teacher.real.new_empty(count, *teacher.real.shape)
    for plane, pair in zip(planes, pairs):
        inner_product(*pair, out=plane)
    if clean is not None:
        # (s - c)^2 - (t - c)^2
        ours, theirs = student.magnitude, teacher.magnitude
        torch.add(ours, theirs, out=planes[4])
        planes[4].sub_(clean.magnitude, alpha=2).mul_(ours - theirs)
    return planes


def inner_product(
    first: Spectrum, second: Spectrum, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Re<A, B> of two spectra per bin.

    Arguments
    ---------
    first, second : Spectrum
        Planes `[batch, frames, bins]`.
    out : torch.Tensor, optional
        Receives the result; then there is no gradient.

    Returns
    -------
    torch.Tensor
        `[batch, frames, bins]`.
    """
    product = torch.mul(first.real, second.real, out=out)
    return torch.addcmul(product, first.imaginary, second.imaginary, out=out)


def _cosine_distance(product, first_energy, second_energy):
    """1 - cosine, from sums over patches that hold the floor already. The
    root of the product, not the product of the roots: 0 for equal spectra,
    where the processor's root is exact, and never negative where it is not.
    There the gradient, which is nothing but rounding, is 0."""
    cosine = product / (first_energy * second_energy).sqrt()
    return (1 - cosine).clamp(min=0)
