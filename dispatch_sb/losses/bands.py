"""How the frequency axis is split: the whole of it, bands with fixed edges, or
DFKD's two bands, whose border moves from frame to frame.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from dataclasses import dataclass

import torch

from dispatch_sb.losses.lengths import inside_mask
from dispatch_sb.losses.patches import PatchGrid


@dataclass(frozen=True)
class Band:
    """One band of one batch, cut into patches.

    Arguments
    ---------
    name : str
        Its key in the details of a loss.
    grid : PatchGrid
        Where its patches lie.
    sizes : torch.Tensor
        Real bins of every patch, `[batch, rows, patches]` int64.
    candidate : torch.Tensor
        True where a patch holds at least one bin of the band inside the
        utterance, `[batch, rows, patches]` bool.
    """

    name: str
    grid: PatchGrid
    sizes: torch.Tensor
    candidate: torch.Tensor

    def sum(self, plane: torch.Tensor) -> torch.Tensor:
        """Sum of the band's bins over every patch,
        `[..., batch, frames, bins] -> [..., batch, rows, patches]`."""
        return self.grid.sum(self.grid.cut(plane))

    def spread(self, total: torch.Tensor, plane: torch.Tensor) -> None:
        """The adjoint of `sum`, added to a plane.

        Arguments
        ---------
        total : torch.Tensor
            `[..., batch, rows, patches]`.
        plane : torch.Tensor
            `[..., batch, frames, bins]`, changed in place.
        """
        self.grid.cut(plane).add_(self.grid.spread(total, plane.shape[-2]))

    def mean(self, plane: torch.Tensor) -> torch.Tensor:
        """As `sum`, divided by the patch's real bins, of which those outside
        the band count as zeros; 0 beyond the end."""
        return self.sum(plane) / self.sizes.clamp(min=1)


@dataclass(frozen=True)
class SplitBand(Band):
    """All bins on one side of a border that moves from frame to frame; the
    bin at the border is one of them.

    Arguments
    ---------
    name, grid, sizes, candidate : see `Band`
    split : torch.Tensor
        The bin at the border, `[batch, frames, 1]` int64.
    side : int
        -1 for the bins up to the border, 1 for those from it on.

    Example
    -------
    >>> grid = PatchGrid(first_bin=0, last_bin=5, patch_bins=4)
    >>> border = torch.tensor([[[2]]])
    >>> low = SplitBand("low", grid, None, None, border, side=-1)
    >>> low.sum(torch.ones(1, 1, 6))
    tensor([[[3., 0.]]])
    """

    split: torch.Tensor
    side: int

    def sum(self, plane):
        """See `Band`."""
        # The patches beside the border are summed as they are, the one that
        # holds it by itself: far less to mask than all bins.
        cut, here, holding, whole = self._parts(plane.dtype)
        total = self.grid.sum_bins(plane) * whole
        here = here.expand(*plane.shape[:-1], -1)
        part = (plane.gather(-1, here) * cut).sum(-1, keepdim=True)
        return self.grid.sum_frames(total.addcmul_(part, holding))

    def _parts(self, dtype):
        """Of the patch that holds the border, which of its bins count and
        where they stand; which patch it is; which patches count wholly."""
        size, last = self.grid.patch_bins, self.grid.last_bin
        patch = self.split // size
        here = patch * size + torch.arange(size, device=patch.device)
        beyond = self.side * (here - self.split)
        cut = ((beyond >= 0) & (here <= last)).to(dtype)
        patches = self.grid.first_bins(patch.device) // size
        whole = self.side * (patches - patch)
        return (
            cut,
            here.clamp(max=last),
            (whole == 0).to(dtype),
            (whole > 0).to(dtype),
        )

    def mask(self, plane: torch.Tensor) -> torch.Tensor:
        """1 for the bins of the band, `[batch, frames, bins]` like a plane."""
        # Arithmetic on floats: comparing integers takes ten times as long.
        bins = torch.arange(plane.shape[-1], device=plane.device)
        beyond = bins.to(plane) - self.split.to(plane)
        return beyond.mul_(self.side).add_(1).clamp_(0, 1)

    def spread(self, total: torch.Tensor, plane: torch.Tensor) -> None:
        """The adjoint of `sum`, added to a plane.

        Arguments
        ---------
        total : torch.Tensor
            `[..., batch, rows, patches]`.
        plane : torch.Tensor
            `[..., batch, frames, bins]`, changed in place.
        """
        spread = self.grid.spread(total, plane.shape[-2])
        plane.addcmul_(spread, self.mask(plane))


def band_names(count: int) -> list[str]:
    """Keys of the bands in the details of a loss.

    Arguments
    ---------
    count : int
        How many bands there are.

    Returns
    -------
    list of str

    Example
    -------
    >>> band_names(1), band_names(2), band_names(3)
    (['all'], ['low', 'high'], ['band0', 'band1', 'band2'])
    """
    short = {1: ["all"], 2: ["low", "high"]}
    return short.get(count, [f"band{i}" for i in range(count)])


def bins_between(
    edges_hz: tuple[float, ...], sample_rate: int, n_fft: int
) -> list[tuple[int, int]]:
    """First and last bin of every band between fixed edges; a bin on an edge
    belongs to the band above it.

    Arguments
    ---------
    edges_hz : tuple of float
        Rising borders between the bands in Hz; empty for one band.
    sample_rate : int
        Samples per second.
    n_fft : int
        Transform length in samples.

    Returns
    -------
    list of tuple

    Raises
    ------
    ValueError
        If a band holds no bin.

    Example
    -------
    >>> bins_between((2000,), sample_rate=16000, n_fft=512)
    [(0, 63), (64, 256)]
    """
    bins = n_fft // 2 + 1
    inner = [math.ceil(edge * n_fft / sample_rate) for edge in edges_hz]
    starts = [0, *inner, bins]
    if any(low >= high for low, high in zip(starts, starts[1:])):
        raise ValueError(
            f"band_edges_hz={edges_hz} leave a band without any of the {bins} "
            f"bins, {sample_rate / n_fft:g} Hz apart: use rising edges between "
            f"0 and {sample_rate // 2} Hz, further apart."
        )
    return [(low, high - 1) for low, high in zip(starts, starts[1:])]


def fixed_bands(
    grids: list[PatchGrid], frames: torch.Tensor, total: int
) -> list[Band]:
    """Bands that hold all bins of their grids.

    Arguments
    ---------
    grids : list of PatchGrid
        One per band, low to high.
    frames : torch.Tensor
        Frames of each utterance, `[batch]` int64.
    total : int
        Frames of the padded batch.

    Returns
    -------
    list of Band
    """
    bands = []
    for name, grid in zip(band_names(len(grids)), grids):
        sizes = grid.sizes(frames, total)
        bands.append(Band(name, grid, sizes, sizes > 0))
    return bands


def split_bins(magnitude: torch.Tensor) -> torch.Tensor:
    """DFKD's frequency adapter: the bin after which the running maximum over
    frequency of a frame rises most, relative to itself.

    Arguments
    ---------
    magnitude : torch.Tensor
        The teacher's magnitudes, `[batch, frames, bins]`.

    Returns
    -------
    torch.Tensor
        `[batch, frames]` int64, from 0 to bins - 2.

    Example
    -------
    >>> split_bins(torch.tensor([[[1.0, 2.0, 2.0, 9.0, 1.0]]]))
    tensor([[2]])
    """
    highest = magnitude.cummax(dim=-1).values
    rise = highest[..., 1:] - highest[..., :-1]
    return (rise / (highest[..., :-1] + 1e-8)).argmax(dim=-1)


def adaptive_bands(
    teacher_magnitude: torch.Tensor,
    grids: list[PatchGrid],
    frames: torch.Tensor,
) -> list[Band]:
    """DFKD's low and high band: in every frame the split bin belongs to both.

    Arguments
    ---------
    teacher_magnitude : torch.Tensor
        `[batch, frames, bins]`.
    grids : list of PatchGrid
        Grid of the low and of the high band, each over all bins.
    frames : torch.Tensor
        Frames of each utterance, `[batch]` int64.

    Returns
    -------
    list of Band
        Low, high.
    """
    split = split_bins(teacher_magnitude)[:, :, None]
    total = teacher_magnitude.shape[1]
    inside = inside_mask(frames, total)[:, :, None]
    held = (
        grids[0].first_bins(split.device) <= split,
        grids[1].last_bins(split.device) >= split,
    )
    bands = []
    for name, grid, holds, side in zip(band_names(2), grids, held, (-1, 1)):
        candidate = grid.sum_frames((holds & inside).float()) > 0
        sizes = grid.sizes(frames, total)
        bands.append(SplitBand(name, grid, sizes, candidate, split, side))
    return bands
