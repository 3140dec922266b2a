"""The signals behind `official.json`.

`official.json` holds values and gradient norms that the published functions of
github.com/rlaehghks5/DISPATCH gave for these signals in float32; the numbers
were copied here as they are, so that the tests need nothing else.
"""

import numpy as np


def signals(seed: int, batch: int, samples: int) -> list[np.ndarray]:
    """Clean, student and teacher, float32 `[batch, samples]`: modulated noise
    with the tilt of speech, and two noisy versions of it."""
    rng = np.random.default_rng(seed)
    n = np.arange(samples) / 16000.0
    envelope = 0.05 + 0.95 * np.sin(np.pi * (1.3 + 0.4 * seed % 2) * n) ** 2
    white = envelope * 0.1 * rng.standard_normal((batch, samples))
    clean = np.zeros_like(white)
    state = np.zeros(batch)
    for i in range(samples):  # one-pole low-pass: speech-like tilt
        state = 0.85 * state + white[:, i]
        clean[:, i] = state
    student = clean + 0.05 * rng.standard_normal((batch, samples))
    ripple = 1.0 + 0.8 * np.sin(2 * np.pi * 0.9 * n)
    teacher = clean + 0.03 * rng.standard_normal((batch, samples)) * ripple
    return [x.astype(np.float32) for x in (clean, student, teacher)]
