"""Enhancement while one listens: blocks of one length in and out, a constant
time late, with the time that they take.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import math
import time
from collections.abc import Iterator

import numpy as np
import torch

from dispatch_sb.enhance.enhancer import StreamingEnhancer
from dispatch_sb.enhance.live_figures import LiveFigures


class LiveEnhancer:
    """Takes a block of samples, gives back as many.

    A `StreamingEnhancer` gives what is ready, now more and now less. Here
    ``delay`` zeros come first, just so many that every block finds its
    samples: ``latency - gcd(block, hop)`` of the enhancer.

    Arguments
    ---------
    enhancer : StreamingEnhancer
        Does the work.
    block : int, optional
        Samples in a block; default: the model's hop, the least that makes
        sense.

    Raises
    ------
    ValueError
        If the block is empty.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> live = LiveEnhancer(StreamingEnhancer(FastEnhancer.from_size("T")))
    >>> live(np.zeros(256, dtype=np.float32)).shape
    (256,)
    >>> live.delay, live.latency  # samples; the block itself has to arrive
    (256, 512)
    >>> live.figures.blocks
    1
    """

    def __init__(self, enhancer: StreamingEnhancer, block: int | None = None):
        block = enhancer.hop if block is None else block
        if block < 1:
            raise ValueError(f"A block needs samples, got {block}.")
        self.enhancer = enhancer
        self.block = block
        self.sample_rate = enhancer.sample_rate
        self.delay = enhancer.latency - math.gcd(block, enhancer.hop)
        self.latency = self.delay + block
        self.figures = LiveFigures(block / self.sample_rate)
        self._warm_up()
        self._state = enhancer.initial_state()
        self._ready = np.zeros(self.delay, dtype=np.float32)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next block, float32 ``[block]``; returns ``[block]``."""
        began = time.perf_counter()
        ready, self._state = self.enhancer(self._batch(samples), self._state)
        ready = np.concatenate([self._ready, ready[0].cpu().numpy()])
        given, self._ready = ready[: self.block], ready[self.block :]
        self.figures.add(time.perf_counter() - began, samples, given)
        return given

    def finish(self) -> np.ndarray:
        """What is still inside when the sound ends: ``[delay]``."""
        rest = self.enhancer.finish(self._state)[0].cpu().numpy()
        return np.concatenate([self._ready, rest])

    def _batch(self, samples: np.ndarray) -> torch.Tensor:
        """[samples] to [1, samples] on the model's device."""
        device = self.enhancer.model.stft.window.device
        # Sound cards reuse their buffer: the copy is ours.
        return torch.tensor(samples, dtype=torch.float32, device=device)[None]

    def _warm_up(self) -> None:
        """The first calls are slow: better before the sound starts."""
        state = self.enhancer.initial_state()
        for _ in range(10):
            silence = np.zeros(self.block, dtype=np.float32)
            _, state = self.enhancer(self._batch(silence), state)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block torch uses one thread: blocks are too small for more.

    Yields
    ------
    None
        Nothing.

    Example
    -------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
