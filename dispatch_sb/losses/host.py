"""What all distances that can host a selection share: where their bands and
patches lie.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch

from dispatch_sb.losses.bands import Band, bins_between, fixed_bands
from dispatch_sb.losses.patches import PatchGrid
from dispatch_sb.losses.spectra import Spectrum


class Host(torch.nn.Module):
    """A distance in every patch of every band: owns the grids of patches and
    cuts a batch into bands; subclasses give `_compare`, from the spectra and
    the bands to the distance and the score of each band.

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

    def __init__(
        self,
        patch_bins: int | Sequence[int] = 20,
        band_edges_hz: Sequence[float] | None = None,
        patch_frames: int = 1,
    ):
        super().__init__()
        count = self.OWN_BANDS
        if band_edges_hz is not None:
            band_edges_hz = tuple(band_edges_hz)
            count = len(band_edges_hz) + 1
        self.band_edges_hz = band_edges_hz
        self.patch_bins = _one_per_band(patch_bins, count)
        self.patch_frames = patch_frames
        sizes = (*self.patch_bins, patch_frames)
        if any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(
                f"patch_bins={patch_bins} and patch_frames={patch_frames} "
                "must be whole numbers, at least 1."
            )
        edges = (0, *(band_edges_hz or ()))
        if any(low >= high for low, high in zip(edges, edges[1:])):
            raise ValueError(
                f"band_edges_hz={band_edges_hz} must be above 0 and rise."
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
        spans = [(0, bins - 1)] * self.OWN_BANDS
        if self.band_edges_hz is not None:
            spans = bins_between(self.band_edges_hz, sample_rate, n_fft)
        return [
            PatchGrid(*span, size, self.patch_frames, sample_rate, n_fft)
            for span, size in zip(spans, self.patch_bins)
        ]

    def forward(
        self,
        student: Spectrum,
        teacher: Spectrum,
        clean: Spectrum | None,
        frames: torch.Tensor,
        sample_rate: int,
        n_fft: int,
    ) -> list[tuple[Band, torch.Tensor, torch.Tensor | None]]:
        """Cuts a batch into bands and patches, and compares in each.

        Arguments
        ---------
        student, teacher, clean : Spectrum
            Planes `[batch, frames, bins]`; gradient flows to the student's
            alone. Without `clean` there are no scores.
        frames : torch.Tensor
            Frames of each utterance, `[batch]` int64.
        sample_rate : int
            Samples per second of the waveforms.
        n_fft : int
            Transform length of the spectra in samples.

        Returns
        -------
        list of tuple
            Per band, low to high: the band, the distance from student to
            teacher and the Knowledge Gap Score (without gradient), both
            `[batch, rows, patches]`.
        """
        bands = self._bands(teacher, self.grids(sample_rate, n_fft), frames)
        compared = self._compare(student, teacher, clean, bands)
        return [(band, *pair) for band, pair in zip(bands, compared)]

    def _bands(self, teacher, grids, frames):
        """The bands of a batch, one per grid."""
        return fixed_bands(grids, frames, teacher.magnitude.shape[1])

    def extra_repr(self) -> str:
        """Shown by `print`."""
        return (
            f"patch_bins={self.patch_bins}, band_edges_hz="
            f"{self.band_edges_hz}, patch_frames={self.patch_frames}"
        )


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
