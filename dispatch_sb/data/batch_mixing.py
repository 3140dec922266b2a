"""Speech and noise of a whole batch mixed on its device, as `levels.mix` does
for one pair; and which segments of recordings are silent.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Callable

import numpy as np
import torch

from dispatch_sb.data.levels import (
    ACTIVE_MARGIN_DB,
    FRAME_SECONDS,
    PEAK,
    ROUNDS,
    SILENCE,
    rms,
)

BLOCK = 512  # samples whose energy is kept as one number


def mix_batch(
    clean: torch.Tensor,
    noise: torch.Tensor,
    snr_db: torch.Tensor,
    level_db: torch.Tensor,
    sample_rate: int = 16000,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Adds noise to speech, see `dispatch_sb.data.levels.mix`; nothing waits
    for the device.

    Arguments
    ---------
    clean, noise : torch.Tensor
        ``[batch, samples]``, none of them silent.
    snr_db : torch.Tensor
        Signal-to-noise ratios ``[batch]`` in dB.
    level_db : torch.Tensor
        RMS of the mixtures ``[batch]`` in dB below full scale.
    sample_rate : int
        In Hz.

    Returns
    -------
    tuple of torch.Tensor
        Noisy and clean, float32 ``[batch, samples]``.

    Example
    -------
    >>> clean, noise = torch.ones(1, 16000), 2 * torch.ones(1, 16000)
    >>> zero = torch.zeros(1)
    >>> noisy, clean = mix_batch(clean, noise, zero, zero)
    >>> round(float(noisy[0, 0]), 3), round(float(clean[0, 0]), 3)
    (0.99, 0.495)
    """
    level = _active_rms(clean, sample_rate)
    level = torch.where(level > SILENCE, level, _rms(clean))
    loudness = level / _rms(noise)
    noisy = clean + noise * (loudness * 10 ** (-snr_db / 20)).float()[:, None]
    gain = 10 ** (level_db / 20) / _rms(noisy)
    peak = torch.maximum(noisy.abs().amax(1), clean.abs().amax(1))
    gain = torch.minimum(gain, PEAK / peak).float()[:, None]
    return gain * noisy, gain * clean


def _rms(signal):
    """Root mean square of each row, in double precision."""
    return signal.double().square().mean(1).sqrt()


def _active_rms(signal, sample_rate):
    """`dispatch_sb.data.levels.active_rms` of each row. It iterates up to a
    fixed point, where one iteration more changes nothing."""
    frame = round(FRAME_SECONDS * sample_rate)
    count = signal.shape[1] // frame
    if count == 0:
        return _rms(signal)
    frames = signal[:, : count * frame].unflatten(1, (count, frame))
    power = frames.double().square().mean(2)
    level = power.mean(1)
    for _ in range(ROUNDS):
        active = power >= (level * 10 ** (-ACTIVE_MARGIN_DB / 10))[:, None]
        level = (power * active).sum(1) / active.sum(1)
    return level.sqrt()


class Energies:
    """The energy of recordings up to every block, by which nearly all
    segments are known to be silent or not without a look at their samples.

    Arguments
    ---------
    count : int
        How many recordings there are.

    Example
    -------
    >>> energies = Energies(1)
    >>> energies.add(0, np.repeat([0.0, 0.5], 8000))
    >>> [energies.audible(0, start, 4000, None) for start in (0, 9000)]
    [False, True]
    """

    def __init__(self, count: int):
        self.sums: list = [None] * count
        self.samples = [0] * count

    def add(self, number: int, signal: np.ndarray) -> None:
        """Notes a recording.

        Arguments
        ---------
        number : int
            Below the count.
        signal : numpy.ndarray
            ``[samples]``.
        """
        energy = np.square(signal, dtype=np.float64)
        blocks = np.add.reduceat(energy, range(0, len(signal), BLOCK))
        self.sums[number] = np.concatenate([[0.0], np.cumsum(blocks)])
        self.samples[number] = len(signal)

    def audible(
        self, number: int, start: int, width: int, exact: Callable
    ) -> bool:
        """Whether a segment is not silent, as `draw_audible` decides it.

        Arguments
        ---------
        number : int
            Of the recording.
        start : int
            The segment's first sample.
        width : int
            Its samples; it goes round where the recording is shorter.
        exact : callable
            Takes number and start, and returns the segment's samples: asked
            where the blocks that lie in it do not tell.

        Returns
        -------
        bool
        """
        sums, end = self.sums[number], start + width
        limit = width * SILENCE**2
        if width <= self.samples[number]:
            first, last = -(-start // BLOCK), end // BLOCK
            if sums[last] - sums[min(first, last)] > 2 * limit:
                return True
            if sums[-(-end // BLOCK)] - sums[start // BLOCK] < limit / 2:
                return False
        return rms(exact(number, start)) > SILENCE
