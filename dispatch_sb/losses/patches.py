"""The grid of patches over one band of the spectrum: cut the band out, sum
over the bins of every patch, and the way back.

Authors
 * The dispatch-sb contributors, 2026
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class PatchGrid:
    """Patches of `patch_bins` adjacent bins times `patch_frames` frames, laid
    from the band's first bin and the first frame; the last patch of a row
    and of a column holds what is left.

    Arguments
    ---------
    first_bin : int
        First bin of the band.
    last_bin : int
        Last bin of the band, itself included.
    patch_bins : int
        Bins of a patch.
    patch_frames : int
        Frames of a patch.
    sample_rate : int
        Samples per second of the waveforms behind the spectrum.
    n_fft : int
        Its transform length in samples.

    Example
    -------
    >>> grid = PatchGrid(first_bin=0, last_bin=256, patch_bins=40)
    >>> grid.sum(torch.ones(1, 2, 257))[0, 1]
    tensor([40., 40., 40., 40., 40., 40., 17.])
    """

    first_bin: int
    last_bin: int
    patch_bins: int
    patch_frames: int = 1
    sample_rate: int = 16000
    n_fft: int = 512

    def cut(self, plane: torch.Tensor) -> torch.Tensor:
        """The band's bins of a plane, `[..., bins] -> [..., bins in band]`."""
        return plane[..., self.first_bin : self.last_bin + 1]

    def sum(self, plane: torch.Tensor) -> torch.Tensor:
        """Sum over every patch.

        Arguments
        ---------
        plane : torch.Tensor
            The band's bins, `[..., frames, bins in band]`.

        Returns
        -------
        torch.Tensor
            `[..., ceil(frames / patch_frames), patches]`.
        """
        # Twice as fast as pooling with ceil_mode, and backward copies once.
        size, bins = self.patch_bins, plane.shape[-1]
        whole, rest = plane.split([bins - bins % size, bins % size], dim=-1)
        total = whole.unflatten(-1, (-1, size)).sum(-1)
        if rest.shape[-1]:
            total = torch.cat([total, rest.sum(-1, keepdim=True)], dim=-1)
        return self.sum_frames(total)

    def sum_frames(self, total: torch.Tensor) -> torch.Tensor:
        """Adds every `patch_frames` rows of `[..., frames, patches]`."""
        if self.patch_frames == 1:
            return total
        missing = -total.shape[-2] % self.patch_frames
        total = torch.nn.functional.pad(total, (0, 0, 0, missing))
        return total.unflatten(-2, (-1, self.patch_frames)).sum(-2)

    def spread(self, total: torch.Tensor, frames: int) -> torch.Tensor:
        """The adjoint of `sum`: a patch's value in each of its bins.

        Arguments
        ---------
        total : torch.Tensor
            `[..., ceil(frames / patch_frames), patches]`.
        frames : int
            Frames of the plane.

        Returns
        -------
        torch.Tensor
            `[..., frames, bins in band]`.
        """
        if self.patch_frames > 1:
            total = _repeated(total, -2, self.patch_frames, frames)
        bins = self.last_bin - self.first_bin + 1
        return _repeated(total, -1, self.patch_bins, bins)

    def sizes(self, frames: torch.Tensor, total: int) -> torch.Tensor:
        """Real bins of every patch: inside the spectrum and the utterance.

        Arguments
        ---------
        frames : torch.Tensor
            Frames of each utterance, `[batch]` int64.
        total : int
            Frames of the padded batch.

        Returns
        -------
        torch.Tensor
            `[batch, ceil(total / patch_frames), patches]` int64; 0 where a
            patch lies wholly beyond its utterance.
        """
        rows = torch.arange(0, total, self.patch_frames, device=frames.device)
        height = (frames[:, None] - rows).clamp(0, self.patch_frames)
        first = self.first_bins(frames.device)
        width = self.last_bins(frames.device) - first + 1
        return height[:, :, None] * width

    def edges_hz(self, device=None) -> torch.Tensor:
        """Borders between the patches in Hz, half a bin below their first
        bins: `[patches + 1]` float32, from 0 to half the sample rate."""
        last = self.last_bins(device)
        bins = torch.cat([self.first_bins(device), last[-1:] + 1])
        edges = (bins - 0.5) * (self.sample_rate / self.n_fft)
        return edges.clamp(0.0, self.sample_rate / 2)

    def first_bins(self, device=None) -> torch.Tensor:
        """First bin of every patch, `[patches]` int64."""
        return torch.arange(
            self.first_bin, self.last_bin + 1, self.patch_bins, device=device
        )

    def last_bins(self, device=None) -> torch.Tensor:
        """Last real bin of every patch, `[patches]` int64."""
        last = self.first_bins(device) + self.patch_bins - 1
        return last.clamp(max=self.last_bin)


def _repeated(total, axis, times, length):
    """Every value so many times along an axis, up to a length."""
    return total.repeat_interleave(times, axis).narrow(axis, 0, length)
