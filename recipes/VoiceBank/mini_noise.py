"""Noises of the mini corpus: what each is made of, so that training and test
share no recording; babble, typing, walking, fire, water and generated noise.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import mini_signals
import numpy as np
import soundfile
from mini_packages import (
    GAME_FOLDER,
    GAME_PACKAGE,
    KEYBOARD_PACKAGE,
    Package,
    PackageError,
)

from dispatch_sb.data import resample
from dispatch_sb.data.files import map_files
from dispatch_sb.data.levels import SILENCE, rms
from dispatch_sb.data.segments import random_generator

SAMPLE_RATE = 16000  # Hz
SECONDS = {"train": 60, "test": 30}  # of each noise
LEVEL = 10 ** (-26 / 20)  # RMS of every noise
PEAK = 0.99
KEYS = "usr/share/buckle/wav"
STEP = (0.45, 0.65)  # seconds from one footstep to the next

# How many people babble.
BABBLE = {
    "train": {"babble_1": 4, "babble_2": 6, "babble_3": 10},
    "test": {"babble_4": 6},
}
# Which keys are typed on: every second one, from the first or the second.
TYPING = {"train": {"typing_1": 0, "typing_2": 0}, "test": {"typing_3": 1}}
# Recordings, as mod/file, that make a steady sound.
STEADY = {
    "train": {
        "fire_1": ["fire/fire_large", "fire/fire_fire.*"],
        "lava_1": ["env_sounds/env_sounds_lava.*"],
        "rolling_1": ["carts/carts_cart_moving.*"],
    },
    "test": {
        "fire_2": ["fire/fire_small"],
        "stream_1": ["env_sounds/env_sounds_water.*"],
        "furnace_1": ["default/default_furnace_active"],
    },
}
# Recordings of short sounds, and the seconds from one to the next.
EVENTS = {
    "train": {
        "splashing_1": (["default/default_water_footstep.*"], (0.6, 1.2)),
        "digging_1": (
            ["default/default_gravel_d*", "default/default_dig_cracky.*"],
            (0.3, 0.7),
        ),
        "walking_1": (
            ["default/default_gravel_footstep.*", "default/default_wood_*"],
            STEP,
        ),
    },
    "test": {
        "walking_2": (
            ["default/default_sand_footstep.*", "default/default_hard_*"],
            STEP,
        ),
    },
}
GENERATED = {
    "train": ("pink_1", "speechshaped_1"),
    "test": ("pink_2", "speechshaped_2"),
}


class Noise(NamedTuple):
    """A noise of the corpus.

    Arguments
    ---------
    signal : np.ndarray
        float32 ``[samples]``.
    sources : list of str
        The recordings that it is made of.
    """

    signal: np.ndarray
    sources: list


class Recipe(NamedTuple):
    """How a noise is made: ``function(*arguments, samples, rng)``."""

    function: Callable
    arguments: tuple
    sources: list


def make_noises(
    packages: Mapping[str, Package],
    voices: Sequence,
    speech: Sequence,
    split: str,
    seed: int,
) -> dict[str, Noise]:
    """Makes the noises of a split.

    Arguments
    ---------
    packages : mapping
        Unpacked packages by name.
    voices : sequence of Prompt
        What babbling people say.
    speech : sequence of Prompt
        What gives speech-shaped noise its spectrum.
    split : str
        "train" or "test".
    seed : int
        Seed of all choices.

    Returns
    -------
    dict
        ``Noise`` by name, such as ``babble_1``.
    """
    recipes = {
        **_spoken(voices, split),
        **_typed(packages[KEYBOARD_PACKAGE].folder / KEYS, split),
        **_recorded(packages[GAME_PACKAGE].folder / GAME_FOLDER, split),
        **_generated(speech, split),
    }

    def make(item):
        name, recipe = item
        rng = random_generator(seed, 0, name)
        samples = SECONDS[split] * SAMPLE_RATE
        signal = recipe.function(*recipe.arguments, samples, rng)
        return name, Noise(_levelled(signal), recipe.sources)

    return dict(map_files(make, sorted(recipes.items()), f"{split} noise"))


def _levelled(noise: np.ndarray) -> np.ndarray:
    """Brings a noise to -26 dBFS, or below where its peaks would clip.

    Example
    -------
    >>> round(float(_levelled(np.ones(10))[0]), 3)
    0.05
    """
    gain = min(LEVEL / rms(noise), PEAK / np.abs(noise).max())
    return (gain * noise).astype(np.float32)


def read_clip(path: Path) -> np.ndarray:
    """Reads a recording of any rate as 16 kHz mono, its silent ends cut.

    Arguments
    ---------
    path : Path
        An audio file.

    Returns
    -------
    np.ndarray
        float32 ``[samples]``.
    """
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    clip = resample(samples.mean(axis=1), rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(clip) > SILENCE)
    return clip[loud[0] : loud[-1] + 1]


def _spoken(voices, split):
    signals = [voice.signal for voice in voices]
    names = [voice.name for voice in voices]
    return {
        name: Recipe(mini_signals.babble, (signals, count), names)
        for name, count in BABBLE[split].items()
    }


def _typed(folder, split):
    """A key is a pair of files: 1e-1.wav goes down, 1e-0.wav comes up."""
    pairs = [
        (down, folder / down.name.replace("-1.", "-0."))
        for down in _found(folder, "*-1.wav")
    ]
    recipes = {}
    for name, first in TYPING[split].items():
        chosen = pairs[first::2]
        keys = [(read_clip(down), read_clip(up)) for down, up in chosen]
        files = [path.name for pair in chosen for path in pair]
        recipes[name] = Recipe(mini_signals.typing, (keys,), files)
    return recipes


def _recorded(folder, split):
    recipes = {}
    for name, patterns in STEADY[split].items():
        clips, files = _clips(folder, patterns)
        recipes[name] = Recipe(mini_signals.texture, (clips,), files)
    for name, (patterns, interval) in EVENTS[split].items():
        clips, files = _clips(folder, patterns)
        recipes[name] = Recipe(mini_signals.events, (clips, interval), files)
    return recipes


def _generated(speech, split):
    pink, shaped = GENERATED[split]
    signals = [utterance.signal for utterance in speech]
    return {
        pink: Recipe(mini_signals.pink, (), []),
        shaped: Recipe(mini_signals.speech_shaped, (signals,), []),
    }


def _clips(folder, patterns):
    files = [
        path
        for mod, name in (pattern.split("/") for pattern in patterns)
        for path in _found(folder / mod / "sounds", f"{name}.ogg")
    ]
    return [read_clip(path) for path in files], [path.name for path in files]


def _found(folder, pattern):
    files = sorted(folder.glob(pattern))
    if not files:
        raise PackageError(f"no {pattern} in {folder}, unlike in Debian 12")
    return files
