"""Noisy and clean pairs, and a small teacher's folder."""

import json

import numpy as np
import torch

from dispatch_sb.data import write_audio, write_pair_manifest
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save

RATE = 16000


def write_pairs(folder, lengths):
    """Pairs of so many samples by name; their entries."""
    rng = np.random.default_rng(3)
    for name, samples in lengths.items():
        clean = 0.1 * np.convolve(rng.standard_normal(samples), [1, 1], "same")
        noisy = clean + 0.03 * rng.standard_normal(samples)
        write_audio(folder / "clean" / f"{name}.wav", clean, RATE, "PCM_16")
        write_audio(folder / "noisy" / f"{name}.wav", noisy, RATE, "PCM_16")
    return entries_of(folder)


def entries_of(folder):
    """Entries of a folder of pairs, with plain paths."""
    path = folder / "pairs.json"
    root = folder / "elsewhere"  # nothing lies there: all paths are absolute
    write_pair_manifest(folder / "clean", folder / "noisy", path, root)
    return json.loads(path.read_text())


def write_teacher(folder, seed=1):
    """A pretrained folder with a small model."""
    torch.manual_seed(seed)
    save(FastEnhancer(channels=8), folder, card="# A teacher\n")
    return folder
