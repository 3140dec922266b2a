"""Sounds that the tests of data write to files, how a file gets damaged, and
the manifest of clean and noisy files.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np

from dispatch_sb.data import write_audio, write_pair_manifest


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


def write_pair(root, name, seconds=0.5, seed=0):
    """Writes clean/name and noisy/name (with suffix) below root."""
    for kind, offset in (("clean", 0), ("noisy", 1000)):
        signal = noise(seconds, seed=seed + offset)
        write_audio(root / kind / name, signal, subtype="PCM_16")


def write_manifest(root, **options):
    """The pair manifest of what `write_pair` wrote."""
    return write_pair_manifest(
        root / "clean", root / "noisy", root / "all.json", root, **options
    )
