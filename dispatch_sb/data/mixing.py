"""Noisy speech made from any clean speech and any noise: mixed anew in every
epoch for training, or written once as fixed pairs for validation and test.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dispatch_sb.data.audio import write_audio
from dispatch_sb.data.disk import reading, writable_folder
from dispatch_sb.data.files import atomic_path, audio_files, map_files
from dispatch_sb.data.levels import mix
from dispatch_sb.data.manifest import (
    SINGLE,
    located_manifest,
    manifest_hash,
)
from dispatch_sb.data.pipeline import EpochDataset, SharedEpoch
from dispatch_sb.data.segments import (
    check_choice,
    draw_audible,
    draw_value,
    random_generator,
    segment_samples,
)
from dispatch_sb.data.value_checks import block, list_of, read_json, when

FILE = when(
    lambda name: isinstance(name, str) and re.fullmatch(r"\w+\.\w+", name),
    "the name of a file beside it",
)
MARKER = "mixtures.json"
MOST = 10**7  # mixtures of one folder, or of one epoch
LEAST_BYTES = 1.5  # of a sample of clean and noisy speech, compressed


class DynamicMixture(EpochDataset):
    """Random pairs of speech and noise, mixed anew in every epoch.

    Item ``index`` of an epoch is a function of (seed, epoch, index) alone,
    whichever process computes it. The items of an epoch are spread evenly
    over all the speech, long recordings giving more items than short ones;
    each has a random offset, noise file, noise offset, SNR and level.

    Arguments
    ---------
    speech_manifest : str or Path
        Manifest of clean speech, as ``write_single_manifest`` writes it.
    noise_manifest : str or Path
        Manifest of noise recordings, likewise; every file is as likely.
    segment_seconds : float
        Length of the items; shorter recordings go round.
    snr_db : tuple of two floats, or list of floats
        A tuple (low, high) draws evenly in between, a list one of its values.
        In YAML ``[0, 15]`` is a list; write ``!tuple (0, 15)`` for a range.
    level_db : tuple or list of two floats
        Lowest and highest RMS of the mixture, in dB below full scale.
        A mixture whose peak would pass 0.99 is quieter than drawn.
    seed : int
        Seed of all choices, 0 or more.
    length : int, optional
        Items per epoch; by default as many as hold all the speech once.
    sample_rate : int
        The rate that the files must have, in Hz.
    data_root : str or Path, optional
        The folder that stands for ``{data_root}`` in both manifests.
    """

    def __init__(
        self,
        speech_manifest: str | Path,
        noise_manifest: str | Path,
        segment_seconds: float,
        snr_db: tuple | list = (0.0, 15.0),
        level_db: tuple | list = (-35.0, -15.0),
        seed: int = 0,
        length: int | None = None,
        sample_rate: int = 16000,
        data_root: str | Path | None = None,
    ):
        check_choice("snr_db", snr_db)
        check_choice("level_db", tuple(level_db))
        speech, noise = (
            located_manifest(manifest, data_root, SINGLE).values()
            for manifest in (speech_manifest, noise_manifest)
        )
        self.speech = [entry["wav"] for entry in speech]
        self.noise = [entry["wav"] for entry in noise]
        self.seconds = sum(entry["length"] for entry in (*speech, *noise))
        self.ends = np.cumsum([entry["length"] for entry in speech])
        self.segment = segment_samples(segment_seconds, sample_rate)
        self.snr_db = snr_db
        self.level_db = tuple(level_db)
        self.seed = seed
        self.sample_rate = sample_rate
        self.length = _checked(length or self.ends[-1] / segment_seconds)
        super().__init__(
            {f"mixture_{i:06d}": {"index": i} for i in range(self.length)},
            load=self._load,
            takes=["index"],
            epoch=SharedEpoch(),
        )

    def _load(self, index):
        """Returns the noisy and the clean signal of an item."""

        def cut(files, rng):
            return draw_audible(files, self.segment, rng, self.sample_rate)

        with reading():
            pair = mix(*self.draw(index, cut), self.sample_rate)
        return tuple(torch.from_numpy(signal) for signal in pair)

    def draw(self, index: int, cut: Callable) -> tuple[Any, Any, float, float]:
        """Makes all choices of an item in the current epoch.

        Arguments
        ---------
        index : int
            Its number.
        cut : callable
            Draws a segment that is not silent: takes a list of files and a
            ``numpy.random.Generator``.

        Returns
        -------
        tuple
            What was cut of speech and of noise; SNR and level in dB.
        """
        rng = random_generator(self.seed, self.epoch, str(index))
        clean = cut([self._draw_speech(index, rng)], rng)
        noise = cut(self.noise, rng)
        snr_db = draw_value(self.snr_db, rng)
        return clean, noise, snr_db, draw_value(self.level_db, rng)

    def _draw_speech(self, index, rng):
        """Picks the file at a random place in the index-th equal share."""
        place = (index + rng.random()) / self.length * self.ends[-1]
        found = int(np.searchsorted(self.ends, place, side="right"))
        return self.speech[min(found, len(self.speech) - 1)]


def write_mixtures(
    speech_manifest: str | Path,
    noise_manifest: str | Path,
    clean_folder: str | Path,
    noisy_folder: str | Path,
    snr_db: tuple | list,
    seed: int,
    count: int,
    segment_seconds: float | None = None,
    sample_rate: int = 16000,
    data_root: str | Path | None = None,
    level_db: tuple | list | None = None,
    suffix: str = ".wav",
) -> None:
    """Writes fixed pairs of clean and noisy speech.

    Every utterance is used once before any is used twice, with a random part
    of a random noise; a list of SNRs is gone through in turn. The pairs
    depend on the arguments alone; pairs that are there already are kept, so
    that an interrupted work goes on.

    Arguments
    ---------
    speech_manifest : str or Path
        Manifest of clean speech, as ``write_single_manifest`` writes it.
    noise_manifest : str or Path
        Manifest of noise recordings, likewise.
    clean_folder : str or Path
        Receives ``<speaker>_<number>.wav``, 16 bit.
    noisy_folder : str or Path
        Receives the noisy files of the same names, and ``mixtures.json``,
        which says how they were made.
    snr_db : tuple of two floats, or list of floats
        A range (low, high), or values.
    seed : int
        Seed of all choices, 0 or more.
    count : int
        Number of pairs.
    segment_seconds : float, optional
        Length of the pairs; None keeps whole utterances.
    sample_rate : int
        The rate that the files must have, in Hz.
    data_root : str or Path, optional
        The folder that stands for ``{data_root}`` in both manifests.
    level_db : tuple or list of two floats, optional
        Lowest and highest RMS of the mixtures, in dB below full scale; None
        keeps the level of the speech.
    suffix : str
        ``".wav"`` or ``".flac"``.
    """
    check_choice("snr_db", snr_db)
    speech = located_manifest(speech_manifest, data_root, (*SINGLE, "speaker"))
    noise = _paths(noise_manifest, data_root)
    plan = _plan(speech, _checked(count), seed, suffix)
    made_with = {
        "speech": manifest_hash(speech_manifest),
        "noise": manifest_hash(noise_manifest),
        "snr_db": repr(snr_db),
        "seed": seed,
        "segment_seconds": segment_seconds,
        "sample_rate": sample_rate,
    }
    if level_db is not None:
        level_db = tuple(level_db)
        check_choice("level_db", level_db)
        made_with["level_db"] = repr(level_db)
    folders = Path(clean_folder), Path(noisy_folder)
    _make_room(folders, {"made_with": made_with, "files": list(plan)})
    segment = segment_samples(segment_seconds, sample_rate)
    left = _left(plan, folders)
    lengths = [segment_seconds or x["length"] for x in speech.values()]
    seconds = len(left) * sum(lengths) / len(lengths)
    writable_folder(noisy_folder, seconds * sample_rate * LEAST_BYTES)

    def write(item):
        index, name = item
        rng = random_generator(seed, 0, f"pair {index}")
        clean = draw_audible([plan[name]], segment, rng, sample_rate)
        part = draw_audible(noise, len(clean), rng, sample_rate)
        snr = draw_value(snr_db, rng, turn=index)
        level = None if level_db is None else draw_value(level_db, rng)
        pair = mix(clean, part, snr, level, sample_rate)
        for folder, signal in zip(folders, reversed(pair)):
            write_audio(folder / name, signal, sample_rate, "PCM_16")

    map_files(write, left, "Mixing")


def _checked(count: float) -> int:
    """A number of mixtures, rounded up, of which nobody makes too many."""
    if not count <= MOST:
        raise ValueError(
            f"{count:.3g} mixtures are too many: ask for {MOST:,} at most."
        )
    return math.ceil(count)


def _paths(manifest, data_root) -> list[str]:
    """The files of a manifest of single files."""
    entries = located_manifest(manifest, data_root, SINGLE).values()
    return [entry["wav"] for entry in entries]


def _plan(speech: dict, count: int, seed: int, suffix: str) -> dict:
    """Names the files to write, each with the utterance that it holds."""
    order = random_generator(seed, 0, "order").permutation(sorted(speech))
    plan = {}
    for index in range(count):
        entry = speech[order[index % len(order)]]
        # The speaker must end where speaker_of() looks for its end.
        speaker = re.sub(r"[^0-9A-Za-z]+", "", entry["speaker"]) or "speaker"
        plan[f"{speaker}_{index:04d}{suffix}"] = entry["wav"]
    return plan


def _left(plan: dict, folders: tuple) -> list[tuple[int, str]]:
    """Numbers and names of the pairs that are not there."""
    return [
        (index, name)
        for index, name in enumerate(plan)
        if not all((folder / name).is_file() for folder in folders)
    ]


def _make_room(folders: tuple, note: dict) -> None:
    """Leaves nothing but pairs with these settings, and notes the settings.

    Deletes files of other settings only where our own note lists them.
    """
    clean_folder, noisy_folder = folders
    marker = noisy_folder / MARKER
    if marker.is_file():
        remedy = "delete the mixtures and this file."
        old = read_json(marker, block({"files": list_of(FILE, 0)}), remedy)
        if old == note:
            return
        for folder in folders:
            for name in old["files"]:
                (folder / name).unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir() and audio_files(folder):
            raise ValueError(
                f"{folder} holds files that were not written here: name "
                "another folder for the mixtures."
            )
    noisy_folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(marker) as temporary:
        temporary.write_text(json.dumps(note, indent=1))
