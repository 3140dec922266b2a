"""Waveforms become short-time spectra, as real planes that are quick to work
on.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import NamedTuple

import torch

from dispatch_sb.losses.lengths import frame_counts, inside_mask
from dispatch_sb.losses.once import once


class Spectrum(NamedTuple):
    """A one-sided short-time spectrum as real planes, time before frequency:
    every reduction over frequency then runs over adjacent memory.

    Arguments
    ---------
    real : torch.Tensor
        Real part, `[batch, frames, bins]`.
    imaginary : torch.Tensor
        Imaginary part, `[batch, frames, bins]`.
    magnitude : torch.Tensor
        Absolute value, `[batch, frames, bins]`.
    energy : torch.Tensor
        Its square, to the last bit the sum of both parts' squares.
    """

    real: torch.Tensor
    imaginary: torch.Tensor
    magnitude: torch.Tensor
    energy: torch.Tensor

    def product(self, other: "Spectrum") -> torch.Tensor:
        """Re<A, B> of two spectra per bin, `[batch, frames, bins]`."""
        product = self.real * other.real
        return torch.addcmul(product, self.imaginary, other.imaginary)


class _Transform(torch.autograd.Function):
    """Padded waveform `[batch, samples]` -> real part, imaginary part,
    magnitude and energy of its windowed frames, `[batch, frames, bins]`;
    frames that are not `inside`, `[batch, frames, 1]` if given, are zero.

    Autograd's own backward of the one-sided transform is a full complex one,
    and it adds the frames up by index; this one takes a third of the time.
    The magnitude's gradient at zero is zero, as for `torch.abs`.
    """

    @staticmethod
    def forward(ctx, waveform, window, hop, inside):
        frames = waveform.unfold(1, len(window), hop) * window
        if inside is not None:
            frames *= inside
        spectrum = torch.view_as_real(torch.fft.rfft(frames))
        real = spectrum[..., 0].contiguous()
        imaginary = spectrum[..., 1].contiguous()
        # Quicker than `hypot`; magnitudes below 1e-19 become zero.
        energy = (real * real).addcmul_(imaginary, imaginary)
        magnitude = energy.sqrt()
        ctx.save_for_backward(real, imaginary, magnitude, window, inside)
        ctx.samples, ctx.hop = waveform.shape[1], hop
        ctx.set_materialize_grads(False)
        return real, imaginary, magnitude, energy

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, by_real, by_imaginary, by_magnitude, by_energy):
        real, imaginary, magnitude, window, inside = ctx.saved_tensors
        by_real, by_imaginary, by_magnitude = (
            torch.zeros_like(real) if by is None else by
            for by in (by_real, by_imaginary, by_magnitude)
        )
        # Where the magnitude is zero so are both parts: any divisor will do
        # that does not overflow.
        smallest = torch.finfo(magnitude.dtype).tiny ** 0.5
        slope = by_magnitude / magnitude.clamp(min=smallest)
        if by_energy is not None:
            slope.add_(by_energy, alpha=2)
        grad = torch.complex(
            torch.addcmul(by_real, slope, real),
            torch.addcmul(by_imaginary, slope, imaginary),
        )
        # irfft counts twice all bins but 0 Hz and half the sample rate.
        grad[..., 0] *= 2
        if len(window) % 2 == 0:
            grad[..., -1] *= 2
        frames = torch.fft.irfft(grad, n=len(window), norm="forward")
        frames *= 0.5 * window
        if inside is not None:
            frames *= inside
        return _overlap_add(frames, ctx.hop, ctx.samples), None, None, None


def _overlap_add(frames, hop, samples):
    """Adds frames `[batch, frames, window]` up to `[batch, samples]`."""
    batch, count, size = frames.shape
    pieces = -(-size // hop)
    if size % hop:
        missing = pieces * hop - size
        frames = torch.nn.functional.pad(frames, (0, missing))
    frames = frames.unflatten(2, (pieces, hop))
    # Samples after the last frame touch none.
    rows = max(count + pieces - 1, -(-samples // hop))
    total = frames.new_zeros(batch, rows, hop)
    for index in range(pieces):
        total[:, index : index + count] += frames[:, :, index]
    return total.flatten(1)[:, :samples]


@once
def to_spectrum(
    waveform: torch.Tensor,
    samples: torch.Tensor | None = None,
    n_fft: int = 512,
    hop: int = 128,
) -> Spectrum:
    """Short-time Fourier transform: periodic Hann window as long as the
    transform, centred frames, reflect padding, one-sided, not normalised.

    Arguments
    ---------
    waveform : torch.Tensor
        Signals `[batch, samples]`, float32 or float64.
    samples : torch.Tensor, optional
        Samples of each signal, `[batch]` int64; every signal is reflected at
        its own end, and the frames beyond that end are zero, so that its
        spectrum does not depend on what it was padded with.
    n_fft : int
        Window and transform length in samples.
    hop : int
        Samples between frames.

    Returns
    -------
    Spectrum
        Planes `[batch, 1 + samples // hop, n_fft // 2 + 1]`.

    Raises
    ------
    ValueError
        If the signals are not longer than half a window.

    Example
    -------
    >>> to_spectrum(torch.rand(2, 1600)).magnitude.shape
    torch.Size([2, 13, 257])
    """
    margin = n_fft // 2
    if samples is not None:
        padded = _reflect_at_own_end(waveform, samples, margin)
    elif waveform.shape[1] > margin:
        padded = _reflect(waveform, margin)
    else:
        raise ValueError(
            f"{waveform.shape[1]} samples are too few: a spectrum needs more "
            f"than {margin}, half a window."
        )
    window = torch.hann_window(
        n_fft, dtype=waveform.dtype, device=waveform.device
    )
    inside = None
    if samples is not None:
        frames = (padded.shape[1] - n_fft) // hop + 1
        inside = _inside(samples, hop, frames, waveform.dtype)
    return Spectrum(*_Transform.apply(padded, window, hop, inside))


@once
def _inside(samples, hop, frames, dtype):
    """1 for the frames inside each utterance, `[batch, frames, 1]`."""
    counts = frame_counts(samples, hop)
    return inside_mask(counts, frames)[:, :, None].to(dtype)


def _reflect(waveform, margin):
    """Reflects the rows of `waveform` at both ends; unlike torch's padding,
    with a deterministic backward on every device."""
    start = waveform[:, 1 : margin + 1].flip(1)
    end = waveform[:, -margin - 1 : -1].flip(1)
    return torch.cat([start, waveform, end], dim=1)


def _reflect_at_own_end(waveform, samples, margin):
    """Reflects each row of `waveform` at sample 0 and at its own last one."""
    index = _reflected_index(samples, waveform.shape[1], margin)
    padded = waveform.gather(1, index)
    # An empty row has no sample of its own.
    return padded.masked_fill_((samples == 0)[:, None], 0.0)


@once
def _reflected_index(samples, total, margin):
    """Which sample stands where, `[batch, margin + total + margin]`."""
    index = torch.arange(-margin, total + margin, device=samples.device)
    period = (2 * (samples - 1)).clamp(min=1)[:, None]
    index = index.remainder(period)
    # A row of one sample has period 1 instead of 0: all its indices are 0.
    return torch.minimum(index, period - index)
