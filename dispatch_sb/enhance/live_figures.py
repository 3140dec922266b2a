"""What a live enhancement measures: time of each block, levels, drops.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections import deque

import numpy as np

REMEMBERED = 1 << 16  # blocks whose times are kept: 17 minutes of 16 ms
SILENCE = -99.0  # dB re full scale, shown for less
METER = 10  # characters, 6 dB each


class LiveFigures:
    """Counts blocks, and remembers how long the latest took.

    Arguments
    ---------
    block_seconds : float
        Duration of a block.

    Example
    -------
    >>> figures = LiveFigures(block_seconds=0.016)
    >>> figures.add(0.004, np.full(256, 0.1), np.full(256, 0.01))
    >>> figures.line()
    'in [######....] -20 dB  out [###.......] -40 dB  \
real-time factor 0.250  0 of 1 blocks dropped'
    """

    def __init__(self, block_seconds: float):
        self.block_seconds = block_seconds
        self.blocks = 0
        self.dropped = 0
        self.times: deque[float] = deque(maxlen=REMEMBERED)
        self._levels = SILENCE, SILENCE

    def add(self, seconds: float, given: np.ndarray, made: np.ndarray) -> None:
        """Records one block.

        Arguments
        ---------
        seconds : float
            That its processing took.
        given, made : np.ndarray
            Samples before and after.
        """
        self.blocks += 1
        self.times.append(seconds)
        self._levels = level(given), level(made)

    def line(self) -> str:
        """The present state, in one line."""
        noisy, enhanced = (f"{_meter(v)} {v:3.0f} dB" for v in self._levels)
        recent = list(self.times)[-100:] or [0.0]
        factor = float(np.mean(recent)) / self.block_seconds
        return (
            f"in {noisy}  out {enhanced}  real-time factor {factor:.3f}  "
            f"{self.dropped} of {self.blocks} blocks dropped"
        )

    def report(self, latency: int, block: int, sample_rate: int) -> str:
        """What was measured, at the end.

        Arguments
        ---------
        latency : int
            From the microphone to the loudspeaker without the sound card and
            the processing, in samples; ``block`` of them are the block.
        block : int
            Samples in a block.
        sample_rate : int
            In Hz.

        Returns
        -------
        str
            A few lines.
        """
        times = 1000 * np.array(list(self.times) or [0.0])
        share = times.mean() / 1000 / self.block_seconds
        algorithmic, buffer, total = (
            1000 * samples / sample_rate
            for samples in (latency - block, block, latency)
        )
        return (
            f"{self.blocks} blocks of {1000 * self.block_seconds:.1f} ms, "
            f"{self.dropped} dropped.\n"
            f"Processing per block: median {np.median(times):.2f} ms, "
            f"99 % within {np.percentile(times, 99):.2f} ms, longest "
            f"{times.max():.2f} ms; real-time factor {share:.3f}.\n"
            f"Latency: {algorithmic:.1f} ms algorithm + {buffer:.1f} ms block "
            f"= {total:.1f} ms, without processing and sound card."
        )


def level(samples: np.ndarray) -> float:
    """Root mean square of samples, in dB re full scale.

    Arguments
    ---------
    samples : np.ndarray
        Any shape.

    Returns
    -------
    float
        At least ``SILENCE``.

    Example
    -------
    >>> round(level(np.array([0.1, -0.1])), 3)
    -20.0
    """
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(float(10 * np.log10(power)), SILENCE) if power > 0 else SILENCE


def _meter(decibels: float) -> str:
    """A level as a bar, from -60 dB to 0."""
    steps = int(np.clip(np.floor(METER + decibels / 6), 0, METER))
    return f"[{'#' * steps}{'.' * (METER - steps)}]"
