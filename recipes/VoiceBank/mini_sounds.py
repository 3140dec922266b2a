"""Sounds of the mini corpus: telephone prompts dealt out to the splits, joined
and cut to utterances of 2 to 5 seconds; noises made of recordings, of prompts
and of nothing, so that training and test share no recording.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from mini_packages import (
    GAME_FOLDER,
    GAME_PACKAGE,
    KEYBOARD_PACKAGE,
    SPEECH_PACKAGES,
    Package,
)

from dispatch_sb.data import resample
from dispatch_sb.data.audio import read_channels
from dispatch_sb.data.files import map_files
from dispatch_sb.data.levels import SILENCE, active_rms, rms
from dispatch_sb.data.segments import random_generator

SAMPLE_RATE = 16000  # Hz, of G.722
LEAST_SECONDS = 2.0
MOST_SECONDS = 5.0
SHORTEST_PROMPT = 1.0  # seconds
# By language: the speaker, and minutes of prompts for each purpose. Babble is
# made of prompts that are no split's speech, and Carlo, who validates, babbles
# in the test alone.
SPEAKERS = {
    "en": ("allison", {"train": 11, "train babble": 6, "test babble": 4}),
    "es": ("allison", {"train": 11, "train babble": 8, "test babble": 4}),
    "fr": ("june", {"train": 18, "train babble": 4}),
    "it": ("carlo", {"train": 2.5, "test babble": 8}),
    "ru": ("ivrvoice", {"test": 24}),
}
TEST_UTTERANCES = 64  # every pairing of 8 noises and 4 SNRs twice
TEST_SECONDS = 4.0  # at most, each
CUT_FRAME = 512  # samples
NOT_SPEECH = (
    *("silence/*", "*2tone.*", "beep*.*", "tt-monkeys.*"),
    *("confbridge-join.*", "confbridge-leave.*"),
)
NOISE_SECONDS = {"train": 60, "test": 30}
LEVEL = 10 ** (-26 / 20)  # RMS of every noise
PEAK = 0.99
FADE_SECONDS = 0.1
SPECTRUM_SAMPLES = 512
STEP = (0.45, 0.65)  # seconds from one footstep to the next


class Prompt(NamedTuple):
    """A prompt, or several neighbours joined.

    Arguments
    ---------
    name : str
        Language and file, such as ``en/vm-goodbye``; joined by ``+``.
    signal : np.ndarray
        float32 ``[samples]``.
    """

    name: str
    signal: np.ndarray

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return len(self.signal) / SAMPLE_RATE


def read_prompts(package: Package, language: str) -> list[Prompt]:
    """Decodes the spoken prompts of a package, in the order of their names.

    Arguments
    ---------
    package : Package
        The unpacked package.
    language : str
        Begins the prompts' names.

    Returns
    -------
    list of Prompt
        Those of 1 s and more.
    """
    folder = package.find(f"usr/share/asterisk/sounds/{language}_??_*")[0]

    def read(path):
        name = path.relative_to(folder).with_suffix("").as_posix()
        # G.722 has no header; a file may be empty.
        with av.open(str(path), format="g722") as container:
            frames = [f.to_ndarray().ravel() for f in container.decode(audio=0)]
        samples = np.concatenate([np.zeros(0, np.int16), *frames])
        return Prompt(f"{language}/{name}", samples.astype(np.float32) / 2**15)

    spoken = [
        file
        for file in sorted(folder.rglob("*.g722"))
        if not any(fnmatch(file.relative_to(folder), n) for n in NOT_SPEECH)
    ]
    prompts = map_files(read, spoken, f"Decoding {language}")
    return [p for p in prompts if p.seconds >= SHORTEST_PROMPT]


def deal(
    prompts: list[Prompt],
    minutes: Mapping[str, float],
    rng: np.random.Generator,
) -> dict[str, list[Prompt]]:
    """Deals prompts out at random, so that no two parts share one.

    Arguments
    ---------
    prompts : list of Prompt
        In the order in which neighbours are to be joined.
    minutes : mapping
        How much each part receives, at least; the parts are filled one after
        the other as far as the prompts go, and what is left goes nowhere.
    rng : numpy.random.Generator
        Source of the order.

    Returns
    -------
    dict
        The prompts of each part, in their old order.
    """
    order = iter(rng.permutation(len(prompts)))
    parts = {}
    for part, wanted in minutes.items():
        chosen, seconds = [], 0.0
        while seconds < 60 * wanted and (i := next(order, None)) is not None:
            chosen.append(int(i))
            seconds += prompts[i].seconds
        parts[part] = [prompts[i] for i in sorted(chosen)]
    return parts


def to_utterances(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Joins short neighbours and cuts long prompts, to 2 to 5 seconds.

    Cuts are made at the quietest place that leaves both sides 2 s or more.

    Arguments
    ---------
    prompts : iterable of Prompt
        Neighbours stand side by side.

    Returns
    -------
    list of Prompt
        A last piece under 2 s is dropped.
    """
    least, most = (int(s * SAMPLE_RATE) for s in (LEAST_SECONDS, MOST_SECONDS))
    utterances = []
    names, signal = [], np.zeros(0, np.float32)
    for prompt in prompts:
        names.append(prompt.name)
        signal = np.concatenate([signal, prompt.signal])
        while len(signal) > most:
            cut = _quietest(signal, least, min(most, len(signal) - least))
            utterances.append(Prompt("+".join(names), signal[:cut]))
            names, signal = [prompt.name], signal[cut:]
        if len(signal) >= least:
            utterances.append(Prompt("+".join(names), signal))
            names, signal = [], signal[:0]
    return utterances


def _quietest(signal: np.ndarray, first: int, last: int) -> int:
    """Returns the middle of the quietest 32 ms between two samples.

    Example
    -------
    >>> signal = np.ones(16000)
    >>> signal[8000:8600] = 0
    >>> _quietest(signal, 4000, 12000) in range(8000, 8600)
    True
    """
    count = max((last - first) // (CUT_FRAME // 2) - 1, 1)
    starts = first + CUT_FRAME // 2 * np.arange(count)
    power = [np.square(signal[s : s + CUT_FRAME]).sum() for s in starts]
    return min(int(starts[np.argmin(power)]) + CUT_FRAME // 2, last)


def make_speech(
    packages: Mapping[str, Package], seed: int
) -> tuple[dict, dict]:
    """Deals the prompts out to the speech and the babble of the splits.

    Arguments
    ---------
    packages : mapping
        Unpacked packages by name.
    seed : int
        Seed of the dealing.

    Returns
    -------
    tuple of dict
        The utterances, ``{"train": {"june_0001": Prompt, …}, "test": …}``,
        and the prompts to babble with, ``{"train": [Prompt, …], "test": …}``.
    """
    speech = {"train": {}, "test": {}}
    babble = {"train": [], "test": []}
    number = Counter()
    for language, (speaker, minutes) in SPEAKERS.items():
        prompts = read_prompts(packages[SPEECH_PACKAGES[language]], language)
        rng = random_generator(seed, 0, language)
        parts = deal(prompts, minutes, rng)
        for split in ("train", "test"):
            babble[split] += parts.get(f"{split} babble", [])
            utterances = to_utterances(parts.get(split, []))
            if split == "test":  # short ones, evenly from all: quickly scored
                short = [u for u in utterances if u.seconds <= TEST_SECONDS]
                count = min(TEST_UTTERANCES, len(short))
                places = (i * len(short) // count for i in range(count))
                utterances = [short[place] for place in places]
            for utterance in utterances:
                number[speaker] += 1
                speech[split][f"{speaker}_{number[speaker]:04d}"] = utterance
    return speech, babble


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


def _events(clips, samples, rng, *interval):
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


# By name: the function, called with clips, a number of samples, a generator and
# what else stands here; and the clips: recordings of the game, the prompts to
# babble with, the speech, or every second key. The order decides which noise an
# utterance meets.
TRAIN_NOISES = {
    "babble_1": ("prompts", _babble, 4),
    "babble_2": ("prompts", _babble, 6),
    "babble_3": ("prompts", _babble, 10),
    "digging_1": ("default_gravel_d* default_dig_cracky.*", _events, 0.3, 0.7),
    "fire_1": ("fire_large fire_fire.*", _texture),
    "lava_1": ("env_sounds_lava.*", _texture),
    "pink_1": ("", _pink),
    "rolling_1": ("carts_cart_moving.*", _texture),
    "speechshaped_1": ("speech", _speech_shaped),
    "splashing_1": ("default_water_footstep.*", _events, 0.6, 1.2),
    "typing_1": ("even keys", _typing),
    "typing_2": ("even keys", _typing),
    "walking_1": ("default_gravel_footstep.* default_wood_*", _events, *STEP),
}
TEST_NOISES = {
    "babble_4": ("prompts", _babble, 6),
    "fire_2": ("fire_small", _texture),
    "furnace_1": ("default_furnace_active", _texture),
    "pink_2": ("", _pink),
    "speechshaped_2": ("speech", _speech_shaped),
    "stream_1": ("env_sounds_water.*", _texture),
    "typing_3": ("odd keys", _typing),
    "walking_2": ("default_sand_footstep.* default_hard_*", _events, *STEP),
}
NOISES = {"train": TRAIN_NOISES, "test": TEST_NOISES}


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
        name, (wanted, function, *options) = item
        clips, sources = _material(wanted, packages, voices, speech)
        rng = random_generator(seed, 0, name)
        samples = NOISE_SECONDS[split] * SAMPLE_RATE
        signal = function(clips, samples, rng, *options)
        gain = min(LEVEL / rms(signal), PEAK / np.abs(signal).max())
        return name, Noise((gain * signal).astype(np.float32), sources)

    return dict(map_files(make, NOISES[split].items(), f"{split} noise"))


def _material(wanted, packages, voices, speech):
    """The clips to make a noise of, and the names of their recordings."""
    if wanted == "prompts":
        return [v.signal for v in voices], [v.name for v in voices]
    if wanted == "speech":
        return [utterance.signal for utterance in speech], []
    if wanted.endswith(" keys"):
        # A key is a pair of files: 1e-1.wav goes down, 1e-0.wav comes up.
        downs = packages[KEYBOARD_PACKAGE].find("usr/share/buckle/wav/*-1.wav")
        keys = [
            (down, down.with_name(down.name.replace("-1.", "-0.")))
            for down in downs[wanted == "odd keys" :: 2]
        ]
        clips = [(_read_clip(down), _read_clip(up)) for down, up in keys]
        return clips, [path.name for key in keys for path in key]
    files = [
        path
        for name in wanted.split()
        for path in packages[GAME_PACKAGE].find(
            f"{GAME_FOLDER}/*/sounds/{name}.ogg"
        )
    ]
    return [_read_clip(path) for path in files], [path.name for path in files]


def _read_clip(path: Path) -> np.ndarray:
    """Reads a recording of any rate as 16 kHz mono, its silent ends cut."""
    samples, info = read_channels(path)
    clip = resample(samples.mean(axis=1), info.sample_rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(clip) > SILENCE)
    return clip[loud[0] : loud[-1] + 1]
