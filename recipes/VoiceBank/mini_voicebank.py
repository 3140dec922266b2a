#!/usr/bin/env python3
"""Builds the mini corpus: real speech and noise from Debian's packages, mixed
in the folder layout of VoiceBank-DEMAND, for the quick run and for tests.

Speakers: allison (English and Spanish) and june (French) to train with,
carlo (Italian) to validate with, ivrvoice (Russian) to test with; nothing
else uses the test speaker. Noises for training and test share no recording.

Example
-------
    python mini_voicebank.py /data/mini

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import hashlib
import json
import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import mini_noise
import mini_signals
import mini_speech
import numpy as np
from mini_noise import Noise, make_noises
from mini_packages import (
    SPEECH_PACKAGES,
    Package,
    PackageError,
    fetch_packages,
    write_licences,
)
from mini_speech import Prompt, deal_speech, read_prompts

from dispatch_sb.data import write_audio
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.levels import active_rms, mix
from dispatch_sb.data.segments import random_generator

logger = logging.getLogger(__name__)

SEED = 2026
VERSION = 2  # raise it when the same settings give another corpus
MARKER = ".mini_voicebank.json"
CLEAN = {
    "train": "clean_trainset_28spk_wav_16k",
    "test": "clean_testset_wav_16k",
}
NOISY = {
    "train": "noisy_trainset_28spk_wav_16k",
    "test": "noisy_testset_wav_16k",
}
LOGS = {"train": "log_trainset_28spk.txt", "test": "log_testset.txt"}
NOISE_FOLDER = "noise_trainset_16k"
SNRS = {"train": (0, 5, 10, 15), "test": (2.5, 7.5, 12.5, 17.5)}  # dB
LEVELS = (-26.0, -18.0)  # of active speech, dB below full scale


def prepare_mini(folder: str | Path) -> Path:
    """Builds the mini corpus, unless it is there.

    Arguments
    ---------
    folder : str or Path
        Where it is to lie: a new or empty folder, or one built by an earlier
        version or only in part, which is built anew. One process at a time.

    Returns
    -------
    Path
        The folder. It holds VoiceBank's four ``…_wav_16k`` folders (PCM_16),
        ``noise_trainset_16k`` with the training noises alone, VoiceBank's
        log files (name, noise, SNR), ``sources.json`` and ``LICENCES.md``.

    Raises
    ------
    PackageError
        If the packages cannot be had; names the other ways to get data.
    ValueError
        If the folder holds something else.
    """
    folder = Path(folder)
    marker = folder / MARKER
    state = json.loads(marker.read_text()) if marker.is_file() else None
    if state == {"settings": _settings_hash(), "complete": True}:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".building-*"):
        shutil.rmtree(leftover)
    if state is None and any(folder.iterdir()):
        raise ValueError(
            f"{folder} holds files that are not the mini corpus: name an "
            "empty or a new folder."
        )
    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as work:
        corpus = Path(work) / "corpus"
        build_corpus(fetch_packages(Path(work) / "packages"), corpus)
        _publish(corpus, folder)
    return folder


def _settings_hash() -> str:
    """A hash of everything here that decides what the corpus holds."""
    settings = {
        f"{module.__name__}.{name}": value
        for module in (mini_noise, mini_speech, mini_signals)
        for name, value in vars(module).items()
        if name.isupper()
    }
    settings |= {"version": VERSION, "seed": SEED, "snrs": SNRS}
    settings |= {"levels": LEVELS}
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def build_corpus(packages: Mapping[str, Package], folder: Path) -> None:
    """Builds the corpus from unpacked packages.

    Arguments
    ---------
    packages : mapping
        ``Package`` by name.
    folder : Path
        A new folder.
    """
    speech, babble = deal_speech(
        {
            language: read_prompts(packages[name].folder, language)
            for language, name in SPEECH_PACKAGES.items()
        },
        SEED,
    )
    record = {"seed": SEED, "settings": _settings_hash(), "noise": {}}
    for split in ("train", "test"):
        # The test speaker gives nothing, not even a spectrum, to a noise.
        shape = list(speech["train"].values())
        noises = make_noises(packages, babble[split], shape, split, SEED)
        record[split] = write_split(speech[split], noises, split, folder)
        record["noise"][split] = {n: noises[n].sources for n in noises}
        if split == "train":
            for name, noise in noises.items():
                path = folder / NOISE_FOLDER / f"{name}.wav"
                write_audio(path, noise.signal, subtype="PCM_16")
    record["packages"] = write_licences(packages, folder)
    (folder / "sources.json").write_text(json.dumps(record, indent=1))


def write_split(
    utterances: Mapping[str, Prompt],
    noises: Mapping[str, Noise],
    split: str,
    folder: Path,
) -> dict:
    """Mixes and writes the pairs of a split, and VoiceBank's log of them.

    Noises and SNRs are gone through in turn, so that all pairings are as
    frequent; the SNR is that of ``dispatch_sb.data.levels.mix``.

    Arguments
    ---------
    utterances : mapping
        ``Prompt`` by name.
    noises : mapping
        ``Noise`` by name.
    split : str
        "train" or "test".
    folder : Path
        The corpus.

    Returns
    -------
    dict
        By utterance: its prompts, noise, SNR in dB and length in seconds.
    """
    kinds, snrs = list(noises), SNRS[split]

    def write(item):
        index, (name, utterance) = item
        turn, place = divmod(index, len(kinds))
        kind, snr_db = kinds[place], snrs[(place + turn) % len(snrs)]
        rng = random_generator(SEED, 0, name)
        pair = _mix_one(utterance.signal, noises[kind].signal, snr_db, rng)
        for signal, names in zip(pair, (NOISY, CLEAN)):
            path = folder / names[split] / f"{name}.wav"
            write_audio(path, signal, subtype="PCM_16")
        return {
            "prompts": utterance.name.split("+"),
            "noise": kind,
            "snr_db": snr_db,
            "seconds": round(utterance.seconds, 3),
        }

    items = enumerate(utterances.items())
    made = map_files(write, items, f"Mixing {split}")
    record = dict(zip(utterances, made))
    lines = [f"{n} {r['noise']} {r['snr_db']}\n" for n, r in record.items()]
    (folder / LOGS[split]).write_text("".join(lines))
    return record


def _mix_one(
    speech: np.ndarray,
    noise: np.ndarray,
    snr_db: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Brings speech to a random level and adds a random part of a noise.

    Speech is ``[samples]``, the noise as long or longer; noisy and clean,
    which are returned, are ``[samples]`` each.
    """
    level = 10 ** (rng.uniform(*LEVELS) / 20)
    start = rng.integers(len(noise) - len(speech) + 1)
    part = noise[start : start + len(speech)]
    return mix(speech * (level / active_rms(speech)), part, snr_db)


def _publish(corpus: Path, folder: Path) -> None:
    """Moves a complete corpus to its place; the marker tells how far it is."""
    state = {"settings": _settings_hash(), "complete": False}
    _write_state(folder, state)
    for new in corpus.iterdir():
        old = folder / new.name
        if old.is_dir():
            shutil.rmtree(old)
        new.replace(old)
    _write_state(folder, state | {"complete": True})


def _write_state(folder: Path, state: dict) -> None:
    with atomic_path(folder / MARKER) as temporary:
        temporary.write_text(json.dumps(state))


def summary(folder: Path) -> str:
    """Says in a few lines what a corpus holds.

    Arguments
    ---------
    folder : Path
        The corpus.

    Returns
    -------
    str
        Minutes and utterances by speaker, and the noises, for each split.
    """
    record = json.loads((folder / "sources.json").read_text())
    lines = []
    for split in ("train", "test"):
        utterances, minutes = Counter(), Counter()
        for name, entry in record[split].items():
            speaker = name.split("_")[0]
            utterances[speaker] += 1
            minutes[speaker] += entry["seconds"] / 60
        lines += [
            f"{split}: {speaker}, {minutes[speaker]:.1f} minutes in "
            f"{utterances[speaker]} utterances"
            for speaker in utterances
        ]
        lines.append(f"{split} noises: {', '.join(record['noise'][split])}")
    return "\n".join(lines)


def main() -> int:
    """Builds the corpus in the folder of the command line.

    Returns
    -------
    int
        The process' exit status: 0, or 1 where it could not be built.
    """
    parser = argparse.ArgumentParser(description="Builds the mini corpus.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    try:
        prepare_mini(folder)
    except (PackageError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{summary(folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
