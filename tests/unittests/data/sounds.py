"""Sounds that the tests of data write to files, and how a file gets damaged.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np


def noise(seconds=0.5, rate=16000, seed=0):
    """White noise with an RMS of -20 dBFS, float32."""
    generator = np.random.default_rng(seed)
    signal = 0.1 * generator.standard_normal(round(seconds * rate))
    return signal.astype(np.float32)


def tone(hertz, rate, seconds=1.0):
    """A sine at half of full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * hertz * time)


def cut(path, share=0.5):
    """Truncates a file as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
