"""Spoken telephone prompts of the mini corpus: decoded, dealt out to the
splits, joined and cut to utterances of 2 to 5 seconds.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from mini_packages import SPEECH_PACKAGES, Package

from dispatch_sb.data.files import map_files
from dispatch_sb.data.segments import random_generator

SAMPLE_RATE = 16000  # Hz, of G.722
LEAST_SECONDS = 2.0
MOST_SECONDS = 5.0
SHORTEST_PROMPT = 1.0  # seconds
SPEAKERS = {
    "en": "allison",
    "es": "allison",
    "fr": "june",
    "it": "carlo",
    "ru": "ivrvoice",
}
# Minutes of prompts for each purpose. Babble is made of prompts that are no
# split's speech, and Carlo, who validates, babbles in the test alone.
MINUTES = {
    "en": {"train": 11, "train babble": 6, "test babble": 4},
    "es": {"train": 11, "train babble": 8, "test babble": 4},
    "fr": {"train": 18, "train babble": 4},
    "it": {"train": 2.5, "test babble": 8},
    "ru": {"test": 24},
}
TEST_UTTERANCES = 64  # every pairing of 8 noises and 4 SNRs twice
TEST_SECONDS = 4.0  # at most, each
CUT_FRAME = 512  # samples
NOT_SPEECH = (
    "silence/*",
    "*2tone.*",
    "beep*.*",
    "tt-monkeys.*",
    "confbridge-join.*",
    "confbridge-leave.*",
)


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
        return Prompt(f"{language}/{name}", _decode(path))

    files = sorted(folder.rglob("*.g722"))
    spoken = [file for file in files if _is_speech(file.relative_to(folder))]
    prompts = map_files(read, spoken, f"Decoding {language}")
    return [p for p in prompts if p.seconds >= SHORTEST_PROMPT]


def _is_speech(name: str | Path) -> bool:
    """Says whether a file of the packages is spoken, by its name.

    Example
    -------
    >>> _is_speech("vm-goodbye.g722"), _is_speech("silence/1.g722")
    (True, False)
    """
    return not any(fnmatch(name, pattern) for pattern in NOT_SPEECH)


def _decode(path: Path) -> np.ndarray:
    """Decodes a G.722 file of 16 kHz, which has no header and may be empty."""
    with av.open(str(path), format="g722") as container:
        frames = [f.to_ndarray().ravel() for f in container.decode(audio=0)]
    samples = np.concatenate([np.zeros(0, np.int16), *frames])
    return samples.astype(np.float32) / 2**15


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
    count = Counter()
    for language, speaker in SPEAKERS.items():
        prompts = read_prompts(packages[SPEECH_PACKAGES[language]], language)
        rng = random_generator(seed, 0, language)
        parts = deal(prompts, MINUTES[language], rng)
        for split in ("train", "test"):
            babble[split] += parts.get(f"{split} babble", [])
            utterances = to_utterances(parts.get(split, []))
            if split == "test":
                utterances = _choose_test(utterances)
            for utterance in utterances:
                count[speaker] += 1
                speech[split][f"{speaker}_{count[speaker]:04d}"] = utterance
    return speech, babble


def _choose_test(utterances: list[Prompt]) -> list[Prompt]:
    """Takes short utterances, evenly from all, so that scoring is quick."""
    short = [u for u in utterances if u.seconds <= TEST_SECONDS]
    count = min(TEST_UTTERANCES, len(short))
    return [short[i * len(short) // count] for i in range(count)]
