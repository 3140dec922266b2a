"""Noises of the mini corpus: a table of what each is made of, so that training
and test share no recording, and the six ways of making one.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from mini_packages import GAME_FOLDER, GAME_PACKAGE, KEYBOARD_PACKAGE, Package
from mini_speech import SAMPLE_RATE, Prompt

from dispatch_sb.data import resample
from dispatch_sb.data.files import map_files
from dispatch_sb.data.levels import SILENCE, active_rms, rms
from dispatch_sb.data.segments import random_generator

SECONDS = {"train": 60, "test": 30}  # of each noise
LEVEL = 10 ** (-26 / 20)  # RMS of every noise
PEAK = 0.99
FADE_SECONDS = 0.1
SPECTRUM_SAMPLES = 512


def _babble(voices, samples, rng, people):
    """Several people who talk without a pause, each saying prompts in an order
    of their own, up to 15 % faster or slower: few speakers sound like many."""
    total = np.zeros(samples)
    for _ in range(people):
        rate = int(SAMPLE_RATE * rng.uniform(0.85, 1.15))
        talk, length = [], 0
        while length < samples:
            prompt = voices[rng.integers(len(voices))]
            prompt = resample(prompt / active_rms(prompt), rate, SAMPLE_RATE)
            talk.append(prompt)
            length += len(prompt)
        gain = 10 ** (rng.uniform(-3, 3) / 20)
        total += gain * np.concatenate(talk)[:samples]
    return total


def _texture(clips, samples, rng):
    """A steady sound: clips cross-faded over 0.1 s at constant power."""
    fade = int(FADE_SECONDS * SAMPLE_RATE)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade))

    def play(clip):
        clip = clip.astype(np.float64)
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        return clip, len(clip) - fade

    return _play(clips, play, samples, rng)


def _events(clips, samples, rng, interval):
    """Short clips that begin at random intervals, given in seconds."""

    def play(clip):
        clip = clip * rng.uniform(0.5, 1)
        return clip, int(rng.uniform(*interval) * SAMPLE_RATE)

    return _play(clips, play, samples, rng)


def _typing(keys, samples, rng):
    """Bursts of 3 to 9 keys a second, pauses of up to 0.8 s; the clips are
    pairs, of a key as it goes down and comes up."""

    def play(key):
        down, up = key
        release = int(rng.uniform(0.07, 0.13) * SAMPLE_RATE)
        gain = rng.uniform(0.6, 1)
        stroke = np.zeros(max(len(down), release + len(up)))
        stroke[: len(down)] += gain * down
        stroke[release : release + len(up)] += gain * up
        pause = rng.uniform(0.3, 0.8) if rng.random() < 0.1 else 0.0
        return stroke, int((rng.uniform(0.11, 0.33) + pause) * SAMPLE_RATE)

    return _play(keys, play, samples, rng)


def _play(clips, play, samples, rng):
    """Sums clips that are chosen at random; ``play`` returns a clip's sound,
    and after how many samples the next one begins."""
    total = np.zeros(samples)
    start = 0
    while start < samples:
        sound, pause = play(clips[rng.integers(len(clips))])
        part = total[start : start + len(sound)]
        part += sound[: len(part)]
        start += pause
    return total


def _pink(_, samples, rng):
    """Gaussian noise whose power falls by 3 dB per octave above 20 Hz."""
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    return _shaped(np.maximum(frequencies, 20.0) ** -0.5, samples, rng)


def _speech_shaped(speech, samples, rng):
    """Gaussian noise with the long-term spectrum of speech."""
    window = np.hanning(SPECTRUM_SAMPLES)
    power = np.zeros(SPECTRUM_SAMPLES // 2 + 1)
    for signal in speech:
        whole = len(signal) // SPECTRUM_SAMPLES * SPECTRUM_SAMPLES
        frames = signal[:whole].reshape(-1, SPECTRUM_SAMPLES) * window
        power += np.square(np.abs(np.fft.rfft(frames))).sum(axis=0)
    coarse = np.linspace(0, 1, len(power))
    fine = np.linspace(0, 1, samples // 2 + 1)
    return _shaped(np.sqrt(np.interp(fine, coarse, power)), samples, rng)


def _shaped(magnitude, samples, rng):
    """Gaussian noise with a magnitude spectrum ``[samples // 2 + 1]``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    return np.fft.irfft(spectrum * magnitude, samples)


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


VOICES, SPEECH, NOTHING = "voices", "speech", ()
EVEN_KEYS, ODD_KEYS = "even keys", "odd keys"
STEPS = (0.45, 0.65)  # seconds from one footstep to the next
# By split and name: ``function(clips, samples, rng)`` -> ``[samples]``, and the
# clips: recordings of the game as mod/file, or what the names above stand for.
# The order decides which noise an utterance meets.
NOISES = {
    "train": {
        "babble_1": (partial(_babble, people=4), VOICES),
        "babble_2": (partial(_babble, people=6), VOICES),
        "babble_3": (partial(_babble, people=10), VOICES),
        "digging_1": (
            partial(_events, interval=(0.3, 0.7)),
            ("default/default_gravel_d*", "default/default_dig_cracky.*"),
        ),
        "fire_1": (_texture, ("fire/fire_large", "fire/fire_fire.*")),
        "lava_1": (_texture, ("env_sounds/env_sounds_lava.*",)),
        "pink_1": (_pink, NOTHING),
        "rolling_1": (_texture, ("carts/carts_cart_moving.*",)),
        "speechshaped_1": (_speech_shaped, SPEECH),
        "splashing_1": (
            partial(_events, interval=(0.6, 1.2)),
            ("default/default_water_footstep.*",),
        ),
        "typing_1": (_typing, EVEN_KEYS),
        "typing_2": (_typing, EVEN_KEYS),
        "walking_1": (
            partial(_events, interval=STEPS),
            ("default/default_gravel_footstep.*", "default/default_wood_*"),
        ),
    },
    "test": {
        "babble_4": (partial(_babble, people=6), VOICES),
        "fire_2": (_texture, ("fire/fire_small",)),
        "furnace_1": (_texture, ("default/default_furnace_active",)),
        "pink_2": (_pink, NOTHING),
        "speechshaped_2": (_speech_shaped, SPEECH),
        "stream_1": (_texture, ("env_sounds/env_sounds_water.*",)),
        "typing_3": (_typing, ODD_KEYS),
        "walking_2": (
            partial(_events, interval=STEPS),
            ("default/default_sand_footstep.*", "default/default_hard_*"),
        ),
    },
}


def make_noises(
    packages: Mapping[str, Package],
    voices: Sequence[Prompt],
    speech: Sequence[Prompt],
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

    def make(item):
        name, (function, wanted) = item
        clips, sources = _material(wanted, packages, voices, speech)
        rng = random_generator(seed, 0, name)
        signal = function(clips, SECONDS[split] * SAMPLE_RATE, rng)
        gain = min(LEVEL / rms(signal), PEAK / np.abs(signal).max())
        return name, Noise((gain * signal).astype(np.float32), sources)

    return dict(map_files(make, NOISES[split].items(), f"{split} noise"))


def _material(wanted, packages, voices, speech):
    """The clips to make a noise of, and the names of their recordings."""
    if wanted == VOICES:
        return [v.signal for v in voices], [v.name for v in voices]
    if wanted == SPEECH:
        return [utterance.signal for utterance in speech], []
    if wanted in (EVEN_KEYS, ODD_KEYS):
        # A key is a pair of files: 1e-1.wav goes down, 1e-0.wav comes up.
        downs = packages[KEYBOARD_PACKAGE].find("usr/share/buckle/wav/*-1.wav")
        keys = [
            (down, down.with_name(down.name.replace("-1.", "-0.")))
            for down in downs[wanted == ODD_KEYS :: 2]
        ]
        clips = [(_read_clip(down), _read_clip(up)) for down, up in keys]
        return clips, [path.name for key in keys for path in key]
    files = [
        path
        for mod, name in (recording.split("/") for recording in wanted)
        for path in packages[GAME_PACKAGE].find(
            f"{GAME_FOLDER}/{mod}/sounds/{name}.ogg"
        )
    ]
    return [_read_clip(path) for path in files], [path.name for path in files]


def _read_clip(path: Path) -> np.ndarray:
    """Reads a recording of any rate as 16 kHz mono, its silent ends cut."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    clip = resample(samples.mean(axis=1), rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(clip) > SILENCE)
    return clip[loud[0] : loud[-1] + 1]
