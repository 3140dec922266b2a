"""Signals and tiny models for the demo page's tests.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import soundfile
import torch

from dispatch_sb.demo.models import Models, usual_loss
from dispatch_sb.models import FastEnhancer

RATE = 16000


def tone(seconds, rate=RATE):
    """A sine of 440 Hz `[samples]`, float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def noise(seed, samples=8000):
    """White noise `[samples]`."""
    return 0.1 * np.random.default_rng(seed).standard_normal(samples)


def tiny_models():
    """A student and a teacher that change their input, untrained."""
    torch.manual_seed(3)
    networks = {
        "student": FastEnhancer.from_size("T").eval(),
        "teacher": FastEnhancer(channels=8).eval(),
    }
    sources = {"student": "organisation/small", "teacher": "organisation/big"}
    return Models(networks, RATE, usual_loss(), sources)


def write_pair(folder):
    """Writes noisy.wav and clean.wav, 1.5 s of harmonics under an envelope,
    and returns their paths."""
    time = np.arange(round(1.5 * RATE)) / RATE
    harmonics = np.arange(1, 20)[:, None]
    voice = (np.sin(2 * np.pi * 130 * harmonics * time) / harmonics).sum(0)
    clean = 0.1 * voice * np.sin(2 * np.pi * 2 * time).clip(0)
    noisy = clean + 0.2 * noise(4, len(clean))
    paths = folder / "noisy.wav", folder / "clean.wav"
    for path, signal in zip(paths, (noisy, clean)):
        soundfile.write(path, signal, RATE)
    return paths
