"""A model that needs the whole waveform, on a long one: overlapping chunks,
faded into each other.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import pad

from dispatch_sb.enhance.enhancer import StreamingEnhancer
from dispatch_sb.enhance.noise_floor import floor_of
from dispatch_sb.models.interface import can_stream

CHUNK_SECONDS = 30.0
OVERLAP_SECONDS = 2.0
LEAST_SECONDS = 0.5  # shorter waveforms are padded: some models refuse them


class ChunkState(NamedTuple):
    """What a chunked stream remembers.

    Arguments
    ---------
    pending : torch.Tensor
        Input of the chunks to come, ``[batch, samples]``.
    tail : torch.Tensor
        End of the enhanced chunk before, to be faded into the next one:
        ``[batch, overlap]``, or ``[batch, 0]`` before the first.
    """

    pending: torch.Tensor
    tail: torch.Tensor


class ChunkedEnhancer:
    """Enhances long signals in chunks, called as a `StreamingEnhancer` is.

    Neighbouring chunks share ``overlap_seconds``, in which one fades into
    the other (the squared halves of a sine, which add up to one). No chunk is
    longer than ``chunk_seconds`` nor, of a signal that is longer than a chunk,
    shorter than half of it: the model always hears enough.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[batch, samples]`` in and out, in eval mode.
    sample_rate : int, optional
        Of the model, in Hz; default: its own ``sample_rate``, else 16000.
    chunk_seconds : float
        Length of a chunk.
    overlap_seconds : float
        Length of a fade, at most a third of the chunk.
    keep : float or str, optional
        How much of the noise stays, see `StreamingEnhancer`.

    Raises
    ------
    ValueError
        If the lengths do not fit each other, or ``keep`` is no number of dB,
        0 or less.

    Example
    -------
    >>> enhancer = ChunkedEnhancer(nn.Identity(), 16000, 3.0, 1.0)
    >>> signal = torch.randn(2, 100000)
    >>> first, state = enhancer(signal, enhancer.initial_state(2))
    >>> rest = enhancer.finish(state)
    >>> first.shape[1], rest.shape[1]
    (32000, 68000)
    >>> torch.allclose(torch.cat([first, rest], dim=1), signal, atol=1e-6)
    True
    """

    def __init__(
        self,
        model: nn.Module,
        sample_rate: int | None = None,
        chunk_seconds: float = CHUNK_SECONDS,
        overlap_seconds: float = OVERLAP_SECONDS,
        keep: float | str | None = None,
    ):
        fits = 0 <= 3 * overlap_seconds <= chunk_seconds < math.inf
        if not fits or chunk_seconds == 0:
            raise ValueError(
                f"No signal is cut into chunks of {chunk_seconds:g} s that "
                f"overlap by {overlap_seconds:g} s: give numbers above 0, the "
                "overlap at most a third of a chunk."
            )
        self.floor = floor_of(model, keep)
        self.model = model
        rate = sample_rate or getattr(model, "sample_rate", 16000)
        self.sample_rate = rate
        self.chunk = max(int(chunk_seconds * rate), 1)
        self.overlap = int(overlap_seconds * rate)
        self.latency = 2 * self.chunk

    def initial_state(self, batch: int = 1) -> ChunkState:
        """The state before the first sample, on the model's device."""
        parameter = next(self.model.parameters(), torch.zeros(()))
        nothing = torch.zeros(batch, 0, device=parameter.device)
        return ChunkState(nothing, nothing)

    def __call__(
        self, samples: torch.Tensor, state: ChunkState
    ) -> tuple[torch.Tensor, ChunkState]:
        """Takes the next samples of the signal.

        Arguments
        ---------
        samples : torch.Tensor
            ``[batch, any number]``, float32.
        state : ChunkState
            From `initial_state` or the previous call; not changed.

        Returns
        -------
        torch.Tensor
            ``[batch, ready]``: the next enhanced samples, often none.
        ChunkState
            For the next call.
        """
        pending = torch.cat([state.pending, samples], dim=1)
        ready, tail = [samples[:, :0]], state.tail
        # What stays is always enough for two chunks of half the length.
        while pending.shape[1] >= 2 * self.chunk - self.overlap:
            joined, tail = self._next(pending[:, : self.chunk], tail)
            ready.append(joined)
            pending = pending[:, self.chunk - self.overlap :].clone()
        return torch.cat(ready, dim=1), ChunkState(pending, tail)

    def finish(self, state: ChunkState) -> torch.Tensor:
        """What is still inside when the signal ends, ``[batch, rest]``."""
        pending, tail = state
        length = pending.shape[1]
        if length == 0:
            return pending
        ready = []
        if length > self.chunk:  # two equal ones: no short one at the end
            half = (length + self.overlap + 1) // 2
            joined, tail = self._next(pending[:, :half], tail)
            ready.append(joined)
            pending = pending[:, half - self.overlap :]
        return torch.cat([*ready, *self._next(pending, tail)], dim=1)

    def _next(self, chunk, tail):
        """The next output that is final, and the end that will be faded."""
        enhanced = self._enhance(chunk)
        overlap = tail.shape[1]
        if overlap:
            time = (torch.arange(overlap, device=tail.device) + 0.5) / overlap
            rise = torch.sin(time * torch.pi / 2).square()
            faded = tail * (1 - rise) + enhanced[:, :overlap] * rise
            enhanced = torch.cat([faded, enhanced[:, overlap:]], dim=1)
        end = max(enhanced.shape[1] - self.overlap, 0)
        return enhanced[:, :end], enhanced[:, end:]

    @torch.no_grad()
    def _enhance(self, chunk):
        """One chunk through the model; digital silence stays silent, which
        models that normalise levels would make NaN."""
        length = chunk.shape[1]
        least = int(LEAST_SECONDS * self.sample_rate)
        audible = (chunk != 0).any(dim=1, keepdim=True)
        if not audible.any():
            return torch.zeros_like(chunk)
        enhanced = self.model(pad(chunk, (0, max(least - length, 0))))
        enhanced = enhanced[:, :length].float()
        enhanced = torch.where(audible, enhanced, torch.zeros_like(enhanced))
        return self.floor(enhanced, chunk)


def enhancer_of(
    model: nn.Module,
    chunk_seconds: float = CHUNK_SECONDS,
    overlap_seconds: float = OVERLAP_SECONDS,
    keep: float | str | None = None,
) -> StreamingEnhancer | ChunkedEnhancer:
    """The enhancer of long signals that fits a model.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[batch, samples]`` in and out, in eval mode.
    chunk_seconds, overlap_seconds : float
        For models that cannot stream, see `ChunkedEnhancer`.
    keep : float or str, optional
        How much of the noise stays, see `NoiseFloor`; default: what the model
        recommends, else nothing.

    Returns
    -------
    StreamingEnhancer or ChunkedEnhancer
        The first if the model is causal.

    Example
    -------
    >>> type(enhancer_of(nn.Identity())).__name__
    'ChunkedEnhancer'
    """
    if can_stream(model):
        return StreamingEnhancer(model, keep)
    return ChunkedEnhancer(
        model,
        chunk_seconds=chunk_seconds,
        overlap_seconds=overlap_seconds,
        keep=keep,
    )
