"""How loud a signal is, how loud speech is while somebody speaks, and the sum
of speech and noise at a wanted signal-to-noise ratio.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import numpy as np

ACTIVE_MARGIN_DB = 15.9
FRAME_SECONDS = 0.032
PEAK = 0.99
ROUNDS = 20  # of the iteration for the active level
SILENCE = 1e-5  # RMS of -100 dBFS: digital silence, dither included


def mix(
    clean: np.ndarray,
    noise: np.ndarray,
    snr_db: float,
    level_db: float | None = None,
    sample_rate: int = 16000,
) -> tuple[np.ndarray, np.ndarray]:
    """Adds noise to speech at a signal-to-noise ratio.

    The ratio is that of the speech's active level, as in ITU-T P.56 and in
    VoiceBank-DEMAND, to the noise's RMS over the whole signal. Noisy and
    clean get one common gain.

    Arguments
    ---------
    clean : numpy.ndarray
        Speech, ``[samples]``.
    noise : numpy.ndarray
        Noise, ``[samples]``.
    snr_db : float
        Signal-to-noise ratio in dB.
    level_db : float, optional
        RMS of the mixture in dB below full scale; None keeps the speech's
        level. Either way no peak passes 0.99: the pair is made quieter.
    sample_rate : int
        In Hz.

    Returns
    -------
    tuple of numpy.ndarray
        Noisy and clean, float32 ``[samples]``.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> clean, noise = rng.standard_normal((2, 16000)) / 10
    >>> noisy, clean = mix(clean, noise, snr_db=20.0)
    >>> round(20 * float(np.log10(rms(clean) / rms(noisy - clean))))
    20
    """
    speech_level = active_rms(clean, sample_rate)
    if speech_level <= SILENCE:  # but for a last frame that is not whole
        speech_level = rms(clean)
    noise_level = rms(noise)
    if min(speech_level, noise_level) <= SILENCE:
        raise ValueError(
            "Silence has no signal-to-noise ratio: give speech and noise "
            f"above {20 * np.log10(SILENCE):.0f} dBFS."
        )
    noisy = clean + noise * (speech_level / noise_level * 10 ** (-snr_db / 20))
    gain = 1.0 if level_db is None else 10 ** (level_db / 20) / rms(noisy)
    peak = max(np.abs(noisy).max(), np.abs(clean).max())
    gain = min(gain, PEAK / peak)
    return (gain * noisy).astype("float32"), (gain * clean).astype("float32")


def rms(signal: np.ndarray) -> float:
    """Returns the root mean square of a signal, in double precision.

    Arguments
    ---------
    signal : numpy.ndarray
        ``[samples]``, full scale 1.

    Returns
    -------
    float
        In the signal's unit.

    Example
    -------
    >>> rms(np.array([0.5, -0.5]))
    0.5
    """
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def active_rms(signal: np.ndarray, sample_rate: int = 16000) -> float:
    """Returns the RMS of the frames in which somebody speaks.

    Frames of 32 ms count as active when they are at most 15.9 dB below the
    active level, the margin of ITU-T P.56 method B; the definition is
    circular and solved by iteration from the level of all frames. P.56's
    200 ms hangover is left out.

    Arguments
    ---------
    signal : numpy.ndarray
        ``[samples]``.
    sample_rate : int
        In Hz.

    Returns
    -------
    float

    Example
    -------
    >>> active_rms(np.repeat([0.0, 0.5], 5120))
    0.5
    """
    frame = round(FRAME_SECONDS * sample_rate)
    count = len(signal) // frame
    if count == 0:
        return rms(signal)
    frames = signal[: count * frame].reshape(count, frame)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    level = power.mean()
    for _ in range(ROUNDS):
        active = power >= level * 10 ** (-ACTIVE_MARGIN_DB / 10)
        if power[active].mean() == level:
            break
        level = power[active].mean()
    return float(np.sqrt(level))
