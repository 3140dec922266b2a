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
    mask : torch.Tensor, optional
        1 for the bins of the band, 0 for others of its grid,
        `[batch, frames, bins]`; by default it has all.

    Example
    -------
    >>> grid = PatchGrid(first_bin=0, last_bin=5, patch_bins=4)
    >>> low = torch.tensor([[[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]])
    >>> Band("low", grid, None, None, low).sum(torch.ones(1, 1, 6))
    tensor([[[3., 0.]]])
    """

    name: str
    grid: PatchGrid
    sizes: torch.Tensor
    candidate: torch.Tensor
    mask: torch.Tensor | None = None

    def sum(self, plane: torch.Tensor) -> torch.Tensor:
        """Sum of the band's bins over every patch,
        `[..., batch, frames, bins] -> [..., batch, rows, patches]`."""
        plane = self.grid.cut(plane)
        return self.grid.sum(plane if self.mask is None else plane * self.mask)

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
        if self.mask is None:
            self.grid.cut(plane).add_(spread)
        else:
            plane.addcmul_(spread, self.mask)

    def mean(self, plane: torch.Tensor) -> torch.Tensor:
        """As `sum`, divided by the patch's real bins, of which those outside
        the band count as zeros; 0 beyond the end."""
        return self.sum(plane) / self.sizes.clamp(min=1)


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
    total, bins = teacher_magnitude.shape[1:]
    inside = inside_mask(frames, total)[:, :, None]
    held = (
        grids[0].first_bins(split.device) <= split,
        grids[1].last_bins(split.device) >= split,
    )
    every = teacher_magnitude.new_ones(bins, bins)
    sides = every.tril(), every.triu()  # row: border, column: bin
    bands = []
    for name, grid, holds, side in zip(band_names(2), grids, held, sides):
        candidate = grid.sum_frames((holds & inside).float()) > 0
        sizes = grid.sizes(frames, total)
        mask = side.index_select(0, split.flatten())
        mask = mask.view_as(teacher_magnitude)
        bands.append(Band(name, grid, sizes, candidate, mask))
    return bands
