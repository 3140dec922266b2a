"""Blocks of audio at any sample rate through an enhancer that has its own.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Callable

import numpy as np
import soxr
import torch

from dispatch_sb.enhance.chunked import ChunkedEnhancer
from dispatch_sb.enhance.enhancer import StreamingEnhancer


class SignalEnhancer:
    """One signal, block by block, resampled to the enhancer's rate and back.

    soxr (HQ) compensates its own delay and the enhancers compensate theirs,
    so the joined output is as long as the joined input and aligned with it.
    Channels are enhanced side by side, each on its own. What lies above half
    of the model's rate is lost.

    Arguments
    ---------
    enhancer : StreamingEnhancer or ChunkedEnhancer
        Does the work; it is not changed.
    sample_rate : int
        Of the signal, in Hz.
    channels : int
        Of the signal.

    Example
    -------
    >>> enhancer = ChunkedEnhancer(torch.nn.Identity())
    >>> signal = SignalEnhancer(enhancer, sample_rate=44100, channels=2)
    >>> first = signal.push(np.zeros((1000, 2), dtype=np.float32))
    >>> rest = signal.finish()
    >>> len(first) + len(rest), rest.shape[1]
    (1000, 2)
    """

    def __init__(
        self,
        enhancer: StreamingEnhancer | ChunkedEnhancer,
        sample_rate: int,
        channels: int = 1,
    ):
        self.enhancer = enhancer
        self.channels = channels
        rates = sample_rate, enhancer.sample_rate
        self._into = resampler(*rates, channels)
        self._back = resampler(*reversed(rates), channels)
        self._state = enhancer.initial_state(channels)
        self._device = self._state[0].device
        self._missing = 0  # samples that came in and have not gone out

    def push(self, block: np.ndarray) -> np.ndarray:
        """Takes the next block, float32 ``[samples, channels]``; returns what
        is ready, of the same form."""
        self._missing += len(block)
        return self._given(self._back(self._enhance(self._into(block))))

    def finish(self) -> np.ndarray:
        """What is still inside when the signal ends."""
        nothing = np.zeros((0, self.channels), dtype=np.float32)
        last = self._enhance(self._into(nothing, last=True))
        rest = self.enhancer.finish(self._state).T.cpu().numpy()
        rest = self._back(np.concatenate([last, rest]), last=True)
        # Rounding to a rate and back may lose or add a sample.
        rest = rest[: self._missing]
        rest = np.pad(rest, ((0, self._missing - len(rest)), (0, 0)))
        return self._given(rest)

    def _enhance(self, block: np.ndarray) -> np.ndarray:
        """What is ready at the enhancer's own rate."""
        samples = torch.as_tensor(block.T, device=self._device)
        ready, self._state = self.enhancer(samples, self._state)
        return np.ascontiguousarray(ready.T.cpu().numpy())

    def _given(self, block: np.ndarray) -> np.ndarray:
        """Counts what goes out."""
        if not np.isfinite(block).all():
            raise ValueError(
                "the model returned values that are no finite numbers: "
                "check the model on another file."
            )
        self._missing -= len(block)
        return block


def resampler(
    from_rate: int, to_rate: int, channels: int
) -> Callable[..., np.ndarray]:
    """What resamples a signal block by block (soxr, HQ).

    Arguments
    ---------
    from_rate, to_rate : int
        In Hz.
    channels : int
        Of the signal.

    Returns
    -------
    callable
        Takes a float32 block ``[samples, channels]``, and ``last=True`` with
        the last one; returns what is ready.

    Example
    -------
    >>> into = resampler(48000, 16000, channels=1)
    >>> len(into(np.zeros((48000, 1), dtype=np.float32), last=True))
    16000
    """
    if from_rate == to_rate:
        return lambda block, last=False: block
    return soxr.ResampleStream(
        from_rate, to_rate, channels, "float32", "HQ"
    ).resample_chunk
