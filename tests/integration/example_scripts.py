"""Runs and imports the scripts of `examples/`, for their tests."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "VoiceBank"
PLAIN = ROOT / "examples" / "plain_pytorch.py"
MASK = ROOT / "examples" / "speechbrain_spectral_mask"


def load(path):
    """Imports a script by its path."""
    spec = importlib.util.spec_from_file_location("loaded_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words, folder=ROOT, status=0):
    """Runs a script to its end and returns what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def numbers(text, start):
    """The numbers after some words, to the end of the line."""
    (line,) = re.findall(rf"{re.escape(start)}(.*)$", text, re.M)
    return [float(x) for x in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", line)]


def same(first, second):
    """Whether two sets of weights are equal to the last bit."""
    return all(torch.equal(first[key], second[key]) for key in second)
