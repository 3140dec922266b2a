"""Signals that metrics take for speech, made without any recording.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import pytest
import soundfile

RATE = 16000


def speech_like(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Harmonics of a gliding pitch, in syllables.

    Arguments
    ---------
    seconds : float
        Duration.
    seed : int
        Another one says something else.

    Returns
    -------
    np.ndarray
        float32 at 16 kHz, shape [samples], peak 0.5.
    """
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time + generator.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    number = np.arange(1, 30)[:, None]
    strength = generator.uniform(0.2, 1, number.shape) / number
    signal = (strength * np.sin(number * phase)).sum(axis=0)
    signal += 0.02 * generator.standard_normal(time.size)
    signal *= np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) ** 0.5 + 1e-3
    return (0.5 * signal / np.abs(signal).max()).astype(np.float32)


def add_noise(clean: np.ndarray, snr_db: float, seed: int = 1) -> np.ndarray:
    """White noise at a ratio to the whole signal.

    Arguments
    ---------
    clean : np.ndarray
        float32, shape [samples].
    snr_db : float
        dB.
    seed : int
        Of the noise.

    Returns
    -------
    np.ndarray
        float32, shape [samples].
    """
    noise = np.random.default_rng(seed).standard_normal(clean.size)
    noise *= np.sqrt((clean**2).mean() / 10 ** (snr_db / 10))
    return (clean + noise).astype(np.float32)


@pytest.fixture(scope="session")
def speech():
    """The maker of speech-like signals."""
    return speech_like


@pytest.fixture(scope="session")
def noisy():
    """The maker of noisy signals."""
    return add_noise


@pytest.fixture
def items(tmp_path):
    """Three files with noisy, student and teacher, on disk."""
    made = []
    for index, name in enumerate("abc"):
        signals = {"clean": speech_like(seed=index)}
        for system, snr_db in (("noisy", 0), ("student", 10), ("teacher", 20)):
            signals[system] = add_noise(signals["clean"], snr_db)
        paths = {x: tmp_path / x / f"{name}.wav" for x in signals}
        for system, path in paths.items():
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, signals[system], RATE, "FLOAT")
        made.append({"id": name, "clean": paths.pop("clean"), "systems": paths})
    return made
