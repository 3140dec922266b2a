"""The Fourier transform of one real frame as two small matrix products.

For models that leave torch: only real numbers, only operations that every
runtime has, and tables that are a thirtieth of the plain matrix.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import torch
from torch import nn


class RealFourier(nn.Module):
    """Spectrum of one frame without its highest bin, and back.

    Cooley and Tukey's factorisation, once: with ``length = short * long``,
    sample ``long * n1 + n2`` and bin ``k1 + short * k2``, transforms along
    ``n1`` come first. The second table holds the transforms along ``n2``
    together with the rotations between the two. Going back uses the same
    tables the other way round.

    Arguments
    ---------
    length : int
        Samples of a frame, even.

    Raises
    ------
    ValueError
        If ``length`` is odd.

    Example
    -------
    >>> frame = torch.randn(1, 512)
    >>> fourier = RealFourier(512)
    >>> spectrum = fourier(frame)
    >>> expected = torch.view_as_real(torch.fft.rfft(frame)[:, :-1])
    >>> torch.allclose(spectrum, expected.mT, atol=1e-4)
    True
    """

    def __init__(self, length: int):
        super().__init__()
        if length < 2 or length % 2:
            raise ValueError(f"The length must be even, got {length}.")
        half = length // 2
        # Short transforms about twice as long as the others: the tables of
        # 512 samples are then smallest.
        self.short = max(
            size
            for size in range(1, half + 1)
            if half % size == 0 and size * size <= 2 * length
        )
        self.long = length // self.short
        first, second = _tables(self.short, self.long)
        weights = torch.full((half,), 2 / length, dtype=torch.float64)
        weights[0] = 1 / length  # the others stand for two bins
        self.register_buffer("first", first.float())
        self.register_buffer("second", second.float())
        self.register_buffer("back", first.T.float().contiguous())
        self.register_buffer("weights", weights.float())

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """Transforms a frame.

        Arguments
        ---------
        frame : torch.Tensor
            ``[1, length]``.

        Returns
        -------
        torch.Tensor
            Real and imaginary part ``[1, 2, length // 2]``.
        """
        x = self.first @ frame.view(self.short, self.long)
        x = x.view(self.short, 1, 2 * self.long) @ self.second
        x = x.view(self.short, 2, self.long // 2).permute(1, 2, 0)
        return x.reshape(1, 2, -1)

    def inverse(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Transforms back.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[1, 2, length // 2]``; the highest bin counts as zero, and so does
            the imaginary part of the lowest.

        Returns
        -------
        torch.Tensor
            ``[1, length]``.
        """
        x = (spectrum * self.weights).view(2, self.long // 2, self.short)
        x = x.permute(2, 0, 1).reshape(self.short, self.long, 1)
        x = (self.second @ x).view(2 * self.short, self.long)
        return (self.back @ x).view(1, -1)


def _tables(short: int, long: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``[2 * short, short]`` and ``[short, 2 * long, long]``, float64."""
    inner = torch.arange(short, dtype=torch.float64)
    outer = torch.arange(long, dtype=torch.float64)
    angle = -2 * math.pi / short * torch.outer(inner, inner)
    # Real and imaginary part of a bin side by side: nothing to transpose.
    first = torch.stack([angle.cos(), angle.sin()], dim=1).flatten(0, 1)
    bins = inner[:, None] + short * outer[: long // 2]  # [short, long // 2]
    angle = -2 * math.pi / (short * long) * outer[:, None] * bins[:, None]
    cosine, sine = angle.cos(), angle.sin()
    real = torch.cat([cosine, sine], dim=2)
    imaginary = torch.cat([-sine, cosine], dim=2)
    return first, torch.cat([real, imaginary], dim=1)
