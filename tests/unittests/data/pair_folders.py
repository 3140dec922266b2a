"""Folders of clean and noisy files, and the manifest of their pairs.

Authors
 * The dispatch-sb contributors, 2026
"""

from sounds import noise

from dispatch_sb.data import write_audio, write_pair_manifest


def write_pair(root, name, seconds=0.5, seed=0):
    """Writes clean/name and noisy/name (with suffix) below root."""
    clean = noise(seconds, seed=seed)
    write_audio(root / "clean" / name, clean, subtype="PCM_16")
    noisy = clean + noise(seconds, seed=seed + 1000)
    write_audio(root / "noisy" / name, noisy, subtype="PCM_16")


def write_manifest(root, **options):
    """The pair manifest of what `write_pair` wrote."""
    return write_pair_manifest(
        root / "clean", root / "noisy", root / "all.json", root, **options
    )
