"""Enhancement while one listens: blocks of one length in and out, a constant
time late, with levels, drops and the time that the blocks take.

Authors
 * The dispatch-sb contributors, 2026
"""

import itertools
import math
import time
from collections import deque

import numpy as np
import torch

from dispatch_sb.enhance.enhancer import StreamingEnhancer

REMEMBERED = 1 << 16  # blocks whose times are kept: 17 minutes of 16 ms
SILENCE = -99.0  # dB re full scale, shown for less
METER = 10  # characters, 6 dB each
LONGEST = 1 << 20  # samples of a block


class LiveEnhancer:
    """Takes a block of samples, gives back as many.

    A `StreamingEnhancer` gives what is ready, now more and now less. Here
    ``delay`` zeros come first, just so many that every block finds its
    samples: ``latency - gcd(block, hop)`` of the enhancer. Only the last
    block may be shorter.

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
        If the block is empty, or nobody would wait for it.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> live = LiveEnhancer(StreamingEnhancer(FastEnhancer.from_size("T")))
    >>> live(np.full(256, 0.1, dtype=np.float32)).shape
    (256,)
    >>> live.delay, live.latency  # samples; the block itself has to arrive
    (256, 512)
    >>> live.line()
    'in [######....] -20 dB  out [..........] -99 dB  real-time factor ...  \
0 of 1 blocks dropped'
    """

    def __init__(self, enhancer: StreamingEnhancer, block: int | None = None):
        block = enhancer.hop if block is None else block
        if not 1 <= block <= LONGEST:
            raise ValueError(
                f"A block of {block} samples is none to listen to: give 1 to "
                f"{LONGEST}."
            )
        self.enhancer = enhancer
        self.block = block
        self.sample_rate = enhancer.sample_rate
        self.block_seconds = block / self.sample_rate
        self.delay = enhancer.latency - math.gcd(block, enhancer.hop)
        self.latency = self.delay + block
        self.blocks = self.dropped = self.clipped = 0
        self.times: deque[float] = deque(maxlen=REMEMBERED)  # seconds each
        self._reset()
        for _ in range(10):  # the first calls are slow: better before sound
            self._enhance(np.zeros(block, dtype=np.float32))
        self._reset()

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next block, float32 ``[block]``; returns ``[block]``."""
        began = time.perf_counter()
        made = self._enhance(samples)
        self.times.append(time.perf_counter() - began)
        self.blocks += 1
        self.clipped += int((np.abs(made) > 1).sum())
        self._levels = _level(samples), _level(made)
        return made

    def finish(self) -> np.ndarray:
        """What is still inside when the sound ends: ``[delay]``."""
        rest = self.enhancer.finish(self._state)[0].cpu().numpy()
        return np.concatenate([self._ready, rest])

    def line(self) -> str:
        """The present state, in one line."""
        given, made = (f"{_meter(v)} {v:3.0f} dB" for v in self._levels)
        recent = list(itertools.islice(reversed(self.times), 100)) or [0.0]
        factor = float(np.mean(recent)) / self.block_seconds
        return (
            f"in {given}  out {made}  real-time factor {factor:.3f}  "
            f"{self.dropped} of {self.blocks} blocks dropped"
        )

    def report(self) -> str:
        """What was measured, in a few lines."""
        times = 1000 * np.array(self.times or [0.0])
        share = times.mean() / 1000 / self.block_seconds
        algorithm, block, total = (
            1000 * samples / self.sample_rate
            for samples in (self.delay, self.block, self.latency)
        )
        clips = f" {self.clipped} samples pass full scale and clip: make "
        clips += "the input quieter."
        return (
            f"{self.blocks} blocks of {block:.1f} ms, {self.dropped} dropped."
            f"{clips if self.clipped else ''}\n"
            f"Processing per block: median {np.median(times):.2f} ms, "
            f"99 % within {np.percentile(times, 99):.2f} ms, longest "
            f"{times.max():.2f} ms; real-time factor {share:.3f}.\n"
            f"Latency: {algorithm:.1f} ms algorithm + {block:.1f} ms block "
            f"= {total:.1f} ms, without processing and sound card."
        )

    def _reset(self) -> None:
        """As before the first sample."""
        self._state = self.enhancer.initial_state()
        self._ready = np.zeros(self.delay, dtype=np.float32)
        self._levels = SILENCE, SILENCE

    def _enhance(self, samples: np.ndarray) -> np.ndarray:
        """The next ``[block]`` of the delayed output."""
        batch = torch.as_tensor(samples[None], device=self._state.tail.device)
        ready, self._state = self.enhancer(batch, self._state)
        ready = np.concatenate([self._ready, ready[0].cpu().numpy()])
        made, self._ready = np.split(ready, [len(samples)])
        return made


def _level(samples: np.ndarray) -> float:
    """Root mean square of samples, in dB re full scale."""
    power = float(np.square(samples, dtype=np.float64).sum())
    power /= max(len(samples), 1)
    return max(10 * math.log10(power), SILENCE) if power > 0 else SILENCE


def _meter(decibels: float) -> str:
    """A level as a bar, from -60 dB to 0."""
    steps = min(max(math.floor(METER + decibels / 6), 0), METER)
    return "[" + "#" * steps + "." * (METER - steps) + "]"
