"""A causal model on a stream: any number of samples in, what is ready out.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import NamedTuple

import torch
from torch import nn

from dispatch_sb.enhance.noise_floor import floor_of
from dispatch_sb.models.interface import can_stream


class StreamState(NamedTuple):
    """All that a stream remembers; keep, copy or store it as you like.

    Arguments
    ---------
    history : torch.Tensor
        Input that later frames still need, ``[batch, samples]``.
    tail : torch.Tensor
        Output that later frames still add to, ``[batch, n_fft - hop]``.
    memory : torch.Tensor
        Of the network, see its ``initial_state``.
    lead : int
        Samples of output still to drop: they precede the stream.
    pending : int
        Samples that came in and have not come out.
    """

    history: torch.Tensor
    tail: torch.Tensor
    memory: torch.Tensor
    lead: int
    pending: int


class StreamingEnhancer:
    """Enhances a stream, equal to enhancing the whole of it at once.

    The outputs, joined, are the waveform that ``model(whole)`` gives, sample
    for sample up to rounding. A sample comes out as soon as the last frame
    that covers it is complete: ``latency`` samples after it came in, at most.
    Nothing is kept between calls but the state that the caller holds, so one
    enhancer serves any number of streams.

    Arguments
    ---------
    model : torch.nn.Module
        A causal network with ``stft``, ``enhance_spectrum``,
        ``initial_state`` and ``fused``, such as ``FastEnhancer``. A fused
        copy of it is used; the model itself stays as it is.
    keep : float or str, optional
        How much of the noise stays, mixed in as `NoiseFloor` says; default:
        what the model recommends, else nothing.

    Raises
    ------
    ValueError
        If the model is not causal, so that it cannot stream, or ``keep`` is
        no number of dB, 0 or less.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> enhancer = StreamingEnhancer(FastEnhancer.from_size("T"))
    >>> state = enhancer.initial_state()
    >>> outputs = []
    >>> for block in torch.randn(1, 16000).split(100, dim=1):
    ...     enhanced, state = enhancer(block, state)
    ...     outputs.append(enhanced)
    >>> outputs.append(enhancer.finish(state))
    >>> torch.cat(outputs, dim=1).shape, enhancer.latency
    (torch.Size([1, 16000]), 512)
    """

    def __init__(self, model: nn.Module, keep: float | str | None = None):
        if not can_stream(model):
            raise ValueError(
                f"{type(model).__name__} cannot stream: it is no causal model "
                "of dispatch_sb.models, so it needs the whole waveform."
            )
        self.floor = floor_of(model, keep)
        self.model = model.fused()
        self.sample_rate = model.sample_rate
        self.hop = model.hop
        self.latency = model.latency

    def initial_state(self, batch: int = 1) -> StreamState:
        """The state before the first sample.

        Arguments
        ---------
        batch : int
            Number of waveforms that stream side by side, such as channels.

        Returns
        -------
        StreamState
            On the model's device.
        """
        memory = self.model.initial_state(batch)
        before = self.model.stft.n_fft - self.hop
        zeros = memory.new_zeros(batch, before)
        return StreamState(zeros, zeros, memory, lead=before, pending=0)

    @torch.no_grad()
    def __call__(
        self, samples: torch.Tensor, state: StreamState
    ) -> tuple[torch.Tensor, StreamState]:
        """Takes the next samples of the stream.

        Arguments
        ---------
        samples : torch.Tensor
            ``[batch, any number]``, float, on the model's device. NaN and
            infinite samples count as zero: in the network's memory they
            would spoil all that follows.
        state : StreamState
            From `initial_state` or the previous call; not changed.

        Returns
        -------
        torch.Tensor
            ``[batch, ready]``, float32: the next enhanced samples, none if no
            frame was completed.
        StreamState
            For the next call.

        Raises
        ------
        ValueError
            If the samples are not ``[batch, samples]`` of the state's batch.
        """
        if samples.dim() != 2 or samples.shape[0] != state.tail.shape[0]:
            raise ValueError(
                f"A block must be [batch = {state.tail.shape[0]}, samples], "
                f"got {list(samples.shape)}."
            )
        samples = samples.float().nan_to_num(0.0, posinf=0.0, neginf=0.0)
        history = torch.cat([state.history, samples], dim=1)
        pending = state.pending + samples.shape[1]
        before = state.tail.shape[1]
        frames = (history.shape[1] - before) // self.hop
        if frames == 0:
            state = state._replace(history=history, pending=pending)
            return samples[:, :0], state
        ready, tail, memory = self._enhance(history, frames, state)
        dropped = min(state.lead, ready.shape[1])
        ready = ready[:, dropped:]
        return ready, StreamState(
            history=history[:, frames * self.hop :].clone(),
            tail=tail.clone(),
            memory=memory,
            lead=state.lead - dropped,
            pending=pending - ready.shape[1],
        )

    def _enhance(self, history, frames, state):
        """Enhances whole frames; adds what earlier ones left behind."""
        stft = self.model.stft
        length = (frames - 1) * self.hop + stft.n_fft
        spectrum = stft.analyse(history[:, :length])
        spectrum, memory = self.model.enhance_spectrum(spectrum, state.memory)
        waveform = stft.overlap_add(spectrum)
        waveform[:, : state.tail.shape[1]] += state.tail
        done = frames * self.hop
        ready = waveform[:, :done] / stft.envelope.repeat(frames)
        ready = self.floor(ready, history[:, :done])  # the same moments
        return ready, waveform[:, done:], memory

    def finish(self, state: StreamState) -> torch.Tensor:
        """What is still inside when the stream ends.

        Arguments
        ---------
        state : StreamState
            After the last samples.

        Returns
        -------
        torch.Tensor
            ``[batch, pending]``, float32.
        """
        silence = state.tail.new_zeros(state.tail.shape[0], self.latency)
        ready, _ = self(silence, state)
        return ready[:, : state.pending]
