"""Signals that metrics take for speech, made without any recording.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import pytest
import soundfile

RATE = 16000


def speech_like(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Harmonics of a gliding pitch under moving formants, in syllables.

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
    formants = [
        centre * (1 + 0.2 * np.sin(2 * np.pi * 1.5 * time + start))
        for centre, start in zip((500, 1500, 2600), generator.uniform(0, 6, 3))
    ]
    signal = np.zeros_like(time)
    for harmonic in range(1, 30):
        gain = sum(
            np.exp(-(((harmonic * pitch - f) / (150 + 0.1 * f)) ** 2))
            for f in formants
        )
        signal += (gain + 0.01) * np.sin(harmonic * phase)
    signal += 0.05 * generator.standard_normal(time.size)
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
        clean = speech_like(seed=index)
        signals = {
            "clean": clean,
            "noisy": add_noise(clean, 0),
            "student": add_noise(clean, 10),
            "teacher": add_noise(clean, 20),
        }
        for system, signal in signals.items():
            path = tmp_path / system / f"{name}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, signal, RATE, "FLOAT")
        made.append(
            {
                "id": name,
                "clean": tmp_path / "clean" / f"{name}.wav",
                "systems": {
                    system: tmp_path / system / f"{name}.wav"
                    for system in ("noisy", "student", "teacher")
                },
            }
        )
    return made
