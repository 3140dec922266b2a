"""Waveforms become spectra, and relative lengths become counts of samples and
frames, so that what lies beyond the end of an utterance never matters.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import NamedTuple

import torch


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
    """

    real: torch.Tensor
    imaginary: torch.Tensor
    magnitude: torch.Tensor

    def detach(self) -> "Spectrum":
        """The same values without gradient."""
        return Spectrum(*(plane.detach() for plane in self))

    def halves(self) -> tuple["Spectrum", "Spectrum"]:
        """The two spectra that were stacked along the batch."""
        planes = [plane.chunk(2) for plane in self]
        return Spectrum(*(p[0] for p in planes)), Spectrum(
            *(p[1] for p in planes)
        )


class _Transform(torch.autograd.Function):
    """Padded waveform `[batch, samples]` -> real part, imaginary part and
    magnitude of its windowed frames, `[batch, frames, bins]`.

    Autograd's own backward of the one-sided transform is a full complex one,
    and it adds the frames up by index; this one takes a third of the time.
    The magnitude's gradient at zero is zero, as for `torch.abs`.
    """

    @staticmethod
    def forward(ctx, waveform, window, hop):
        frames = waveform.unfold(1, len(window), hop) * window
        spectrum = torch.view_as_real(torch.fft.rfft(frames))
        real = spectrum[..., 0].contiguous()
        imaginary = spectrum[..., 1].contiguous()
        # The same bits as abs() of the complex spectrum, but faster.
        magnitude = torch.hypot(real, imaginary)
        ctx.save_for_backward(real, imaginary, magnitude, window)
        ctx.samples, ctx.hop = waveform.shape[1], hop
        return real, imaginary, magnitude

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_real, grad_imaginary, grad_magnitude):
        real, imaginary, magnitude, window = ctx.saved_tensors
        # Where the magnitude is zero so are both parts: any finite divisor.
        tiny = torch.finfo(magnitude.dtype).tiny
        slope = grad_magnitude / magnitude.clamp(min=tiny)
        grad = torch.complex(
            torch.addcmul(grad_real, slope, real),
            torch.addcmul(grad_imaginary, slope, imaginary),
        )
        # irfft counts all bins but the first and the last twice.
        grad[..., 0] *= 2
        grad[..., -1] *= 2
        frames = torch.fft.irfft(grad, n=len(window), norm="forward")
        frames *= 0.5 * window
        return _overlap_add(frames, ctx.hop, ctx.samples), None, None


def _overlap_add(frames, hop, samples):
    """Adds frames `[batch, frames, window]` up to `[batch, samples]`."""
    batch, count, size = frames.shape
    pieces = -(-size // hop)
    frames = torch.nn.functional.pad(frames, (0, pieces * hop - size))
    frames = frames.unflatten(2, (pieces, hop))
    total = frames.new_zeros(batch, count + pieces - 1, hop)
    for index in range(pieces):
        total[:, index : index + count] += frames[:, :, index]
    total = total.flatten(1)
    # Samples after the last frame touch none.
    return torch.nn.functional.pad(total, (0, samples - total.shape[1]))


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
    if samples is None:
        if waveform.shape[1] <= margin:
            raise ValueError(
                f"{waveform.shape[1]} samples are too few: a spectrum needs "
                f"more than {margin}, half a window."
            )
        padded = torch.nn.functional.pad(
            waveform[:, None], (margin, margin), mode="reflect"
        )[:, 0]
    else:
        padded = _reflect_at_own_end(waveform, samples, margin)
    window = torch.hann_window(
        n_fft, dtype=waveform.dtype, device=waveform.device
    )
    planes = _Transform.apply(padded, window, hop)
    if samples is not None:
        inside = frame_mask(frame_counts(samples, hop), planes[0].shape[1])
        planes = [plane * inside[:, :, None] for plane in planes]
    return Spectrum(*planes)


def full_precision(*signals: torch.Tensor) -> list[torch.Tensor]:
    """Waveforms of one shape in float32, or as they are if float64.

    Raises
    ------
    ValueError
        If they are not all `[batch, samples]` of one shape.

    Example
    -------
    >>> full_precision(torch.zeros(1, 600, dtype=torch.bfloat16))[0].dtype
    torch.float32
    """
    shapes = [tuple(signal.shape) for signal in signals]
    if len(shapes[0]) != 2 or len(set(shapes)) > 1:
        raise ValueError(
            "The signals must be [batch, samples], all of one shape, not "
            f"{', '.join(map(str, shapes))}."
        )
    return [
        signal if signal.dtype == torch.float64 else signal.float()
        for signal in signals
    ]


def _reflect_at_own_end(waveform, samples, margin):
    """Reflects each row of `waveform` at sample 0 and at its own last one."""
    index = torch.arange(
        -margin, waveform.shape[1] + margin, device=waveform.device
    )
    period = (2 * (samples - 1)).clamp(min=1)[:, None]
    index = index.remainder(period)
    index = torch.minimum(index, period - index)
    # A row of one sample has period 1 instead of 0: all its indices are 0.
    return waveform.gather(1, index)


def sample_counts(lens: torch.Tensor, length: int) -> torch.Tensor:
    """SpeechBrain's relative lengths -> samples of each utterance.

    Arguments
    ---------
    lens : torch.Tensor
        Length of each utterance relative to the batch's longest, `[batch]`.
    length : int
        Samples of the padded batch.

    Returns
    -------
    torch.Tensor
        `[batch]` int64, between 0 and `length`.

    Example
    -------
    >>> sample_counts(torch.tensor([1.0, 0.5]), 16000)
    tensor([16000,  8000])
    """
    return (lens * length).round().long().clamp(0, length)


def frame_counts(samples: torch.Tensor, hop: int) -> torch.Tensor:
    """Centred frames of utterances of so many samples, `[batch]` int64; an
    empty utterance has none.

    Example
    -------
    >>> frame_counts(torch.tensor([16000, 8000, 0]), 128)
    tensor([126,  63,   0])
    """
    return (samples // hop + 1) * (samples > 0)


def frame_mask(frames: torch.Tensor, total: int) -> torch.Tensor:
    """True for the frames inside each utterance.

    Arguments
    ---------
    frames : torch.Tensor
        Frames of each utterance, `[batch]` int64.
    total : int
        Frames of the padded batch.

    Returns
    -------
    torch.Tensor
        `[batch, total]` bool.

    Example
    -------
    >>> frame_mask(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(total, device=frames.device) < frames[:, None]
