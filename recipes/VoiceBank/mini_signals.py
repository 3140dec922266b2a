"""Signals of noises: clips played without a gap, at intervals or as typing,
people who talk at once, pink and speech-shaped noise.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import numpy as np

from dispatch_sb.data import resample
from dispatch_sb.data.levels import active_rms

SAMPLE_RATE = 16000  # Hz
FADE_SECONDS = 0.1
SPECTRUM_SAMPLES = 512


def babble(
    voices: Sequence[np.ndarray],
    count: int,
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Sums several people who talk without a pause.

    Each voice says prompts in an order of its own, played up to 15 % faster
    or slower than recorded, so that few speakers sound like many.

    Arguments
    ---------
    voices : sequence of np.ndarray
        Prompts, ``[samples]`` each.
    count : int
        Number of people.
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the choices.

    Returns
    -------
    np.ndarray
        ``[samples]``.
    """
    total = np.zeros(samples)
    for _ in range(count):
        rate = int(SAMPLE_RATE * rng.uniform(0.85, 1.15))
        talk, length = [], 0
        while length < samples:
            prompt = voices[rng.integers(len(voices))]
            prompt = resample(prompt / active_rms(prompt), rate, SAMPLE_RATE)
            talk.append(prompt)
            length += len(prompt)
        gain = 10 ** (rng.uniform(-3, 3) / 20)
        total += gain * np.concatenate(talk)[:samples]
    return total


def texture(
    clips: Sequence[np.ndarray], samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Plays clips of a steady sound one after another, without a gap.

    Arguments
    ---------
    clips : sequence of np.ndarray
        ``[samples]`` each.
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the choices.

    Returns
    -------
    np.ndarray
        ``[samples]``, clips cross-faded over 0.1 s at constant power.
    """
    fade = int(FADE_SECONDS * SAMPLE_RATE)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade))
    total = np.zeros(samples + max(map(len, clips)))
    start = 0
    while start < samples:
        clip = clips[rng.integers(len(clips))].astype(np.float64)
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        total[start : start + len(clip)] += clip
        start += len(clip) - fade
    return total[:samples]


def events(
    clips: Sequence[np.ndarray],
    interval: tuple[float, float],
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Plays short clips at random intervals.

    Arguments
    ---------
    clips : sequence of np.ndarray
        ``[samples]`` each.
    interval : tuple of two floats
        Least and greatest time from one clip's start to the next, in s.
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the choices.

    Returns
    -------
    np.ndarray
        ``[samples]``.
    """
    total = np.zeros(samples + max(map(len, clips)))
    start = 0
    while start < samples:
        clip = clips[rng.integers(len(clips))]
        total[start : start + len(clip)] += clip * rng.uniform(0.5, 1)
        start += int(rng.uniform(*interval) * SAMPLE_RATE)
    return total[:samples]


def typing(
    keys: Sequence[tuple[np.ndarray, np.ndarray]],
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Types: bursts of 3 to 9 keys a second, pauses of up to 0.8 s.

    Arguments
    ---------
    keys : sequence of tuple
        The sounds of a key as it goes down and comes up.
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the choices.

    Returns
    -------
    np.ndarray
        ``[samples]``.
    """
    longest = max(len(clip) for key in keys for clip in key)
    total = np.zeros(samples + SAMPLE_RATE + longest)
    start = 0
    while start < samples:
        down, up = keys[rng.integers(len(keys))]
        release = start + int(rng.uniform(0.07, 0.13) * SAMPLE_RATE)
        gain = rng.uniform(0.6, 1)
        total[start : start + len(down)] += gain * down
        total[release : release + len(up)] += gain * up
        pause = rng.uniform(0.3, 0.8) if rng.random() < 0.1 else 0.0
        start += int((rng.uniform(0.11, 0.33) + pause) * SAMPLE_RATE)
    return total[:samples]


def pink(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose power falls by 3 dB per octave above 20 Hz.

    Arguments
    ---------
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    np.ndarray
        ``[samples]``.
    """
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    return _shaped(np.maximum(frequencies, 20.0) ** -0.5, samples, rng)


def speech_shaped(
    speech: Sequence[np.ndarray], samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian noise with the long-term spectrum of speech.

    Arguments
    ---------
    speech : sequence of np.ndarray
        Utterances, ``[samples]`` each.
    samples : int
        Length of the noise.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    np.ndarray
        ``[samples]``.
    """
    window = np.hanning(SPECTRUM_SAMPLES)
    power = np.zeros(SPECTRUM_SAMPLES // 2 + 1)
    for signal in speech:
        whole = len(signal) // SPECTRUM_SAMPLES * SPECTRUM_SAMPLES
        frames = signal[:whole].reshape(-1, SPECTRUM_SAMPLES) * window
        power += np.square(np.abs(np.fft.rfft(frames))).sum(axis=0)
    coarse = np.linspace(0, 1, len(power))
    fine = np.linspace(0, 1, samples // 2 + 1)
    return _shaped(np.sqrt(np.interp(fine, coarse, power)), samples, rng)


def _shaped(
    magnitude: np.ndarray, samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian noise with a magnitude spectrum ``[samples // 2 + 1]``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    return np.fft.irfft(spectrum * magnitude, samples)
