"""Folders of one's own speech and noise become data for training and tests.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatch_sb.data.checks import MIN_SECONDS
from dispatch_sb.data.disk import writable_folder
from dispatch_sb.data.manifest import (
    ManifestError,
    read_manifest,
    write_again,
    write_pair_manifest,
    write_single_manifest,
)
from dispatch_sb.data.mixing import write_mixtures
from dispatch_sb.data.segments import (
    check_choice,
    random_generator,
)

logger = logging.getLogger(__name__)

PARTS = ("train", "valid", "test")
TEST_SNR_DB = [2.5, 7.5, 12.5, 17.5]  # as VoiceBank-DEMAND's test set


def prepare_own_training(
    clean_folders: Sequence[str],
    noise_folders: Sequence[str],
    folder: str | os.PathLike,
    held_out: Sequence[str | os.PathLike] = (),
) -> tuple[Path, Path]:
    """Makes manifests of all speech and all noise, to be mixed in training.

    Arguments
    ---------
    clean_folders : sequence of str
        Folders of clean speech, 16 kHz mono, any layout.
    noise_folders : sequence of str
        Folders of noise, likewise.
    folder : str or os.PathLike
        Receives ``speech.json``, ``noise.json``, ``train_speech.json`` and
        ``train_noise.json``.
    held_out : sequence of str or os.PathLike
        Pair manifests of validation and test: their speakers are left out.

    Returns
    -------
    tuple of Path
        Manifests of the speech and of the noise to train on.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    ValueError
        If nobody is left to train on.
    """
    folder = Path(folder)
    speech, noise = _list_everything(clean_folders, noise_folders, folder)
    away = {
        entry["speaker"]
        for manifest in held_out
        for entry in read_manifest(manifest, ["speaker"]).values()
    }
    kept = {k: v for k, v in speech.items() if v["speaker"] not in away}
    if not kept:
        raise ValueError(
            "All speech in clean_folders is of speakers that validate or "
            f"test ({', '.join(sorted(away))}): add other speakers."
        )
    return _write(folder, "train", kept, noise)


def prepare_pairs(
    folders: Mapping[str, str | os.PathLike],
    manifests: Mapping[str, str | os.PathLike],
    data_root: str | os.PathLike,
) -> None:
    """Makes manifests of fixed pairs of one's own.

    Arguments
    ---------
    folders : mapping
        By part (``"train"``, ``"valid"``, ``"test"``): a folder that holds
        ``clean/`` and ``noisy/``.
    manifests : mapping
        The manifest to write, by part.
    data_root : str or os.PathLike
        Files below it are written as `{data_root}/…`, others absolutely.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files of all parts.
    """
    problems = []
    for part, folder in folders.items():
        clean, noisy = Path(folder, "clean"), Path(folder, "noisy")
        try:
            write_pair_manifest(clean, noisy, manifests[part], data_root)
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError("The pairs cannot be used", problems)


def mix_folders(
    clean_folders: Sequence[str | os.PathLike],
    noise_folders: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    hours: float,
    snr_db: tuple[float, float] = (-5.0, 15.0),
    level_db: tuple[float, float] | None = None,
    segment_seconds: float | None = None,
    seed: int = 0,
) -> int:
    """Writes fixed pairs made of folders of speech and of noise, as
    `prepare_pairs` and a recorded teacher need them.

    An interrupted work goes on; the same arguments give the same files.

    Arguments
    ---------
    clean_folders : sequence of str or os.PathLike
        Folders of clean speech, 16 kHz mono, any layout.
    noise_folders : sequence of str or os.PathLike
        Folders of noise, likewise.
    out : str or os.PathLike
        Receives ``clean/`` and ``noisy/`` with 16-bit FLAC files of equal
        names, and the manifests ``speech.json`` and ``noise.json``.
    hours : float
        Of pairs, about.
    snr_db : tuple of float
        Lowest and highest signal-to-noise ratio.
    level_db : tuple of float, optional
        Lowest and highest RMS of the mixtures, in dB below full scale; None
        keeps the level of the speech.
    segment_seconds : float, optional
        Length of the pairs; None keeps whole utterances.
    seed : int
        Of all choices, 0 or more.

    Returns
    -------
    int
        The number of pairs.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    ValueError
        If ``hours`` is not positive, or another number makes no sense.
    """
    if not 0 < hours < math.inf:
        raise ValueError(f"hours is {hours}: give a number above 0.")
    if seed < 0:
        raise ValueError(f"seed is {seed}: give 0 or more.")
    for name, choice in (("snr_db", snr_db), ("level_db", level_db)):
        if choice is not None:
            check_choice(name, tuple(choice))
    if level_db is not None and level_db[1] > 0:
        raise ValueError(f"level_db is {level_db}: no level is above 0 dB.")
    length = MIN_SECONDS if segment_seconds is None else segment_seconds
    if not MIN_SECONDS <= length < math.inf:
        raise ValueError(
            f"segment_seconds is {segment_seconds}: give {MIN_SECONDS} or "
            "more; nothing shorter is trained on or scored."
        )
    out = writable_folder(
        out, make=False, apart=[*clean_folders, *noise_folders]
    )
    speech, _ = _list_everything(clean_folders, noise_folders, out)
    lengths = [entry["length"] for entry in speech.values()]
    seconds = segment_seconds or sum(lengths) / len(lengths)
    count = 3600 * hours / seconds
    write_mixtures(
        out / "speech.json",
        out / "noise.json",
        out / "clean",
        out / "noisy",
        tuple(snr_db),
        seed,
        count,
        segment_seconds,
        level_db=level_db,
        suffix=".flac",
    )
    return math.ceil(count)


def _list_everything(clean_folders, noise_folders, folder: Path) -> tuple:
    """Entries of all speech and of all noise; both checked."""
    return (
        write_single_manifest(clean_folders, folder / "speech.json"),
        write_single_manifest(noise_folders, folder / "noise.json"),
    )


def _write(folder: Path, part: str, speech: dict, noise: dict) -> tuple:
    """Writes the two manifests of one part."""
    paths = folder / f"{part}_speech.json", folder / f"{part}_noise.json"
    for path, entries in zip(paths, (speech, noise)):
        write_again(path, entries)
    return paths


def prepare_own(
    clean_folders: Sequence[str],
    noise_folders: Sequence[str],
    folder: str | os.PathLike,
    held_out_share: float = 0.1,
    pairs: int = 60,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Splits one's own recordings; writes fixed pairs to validate and test.

    Speakers are kept apart between the parts (see `speaker_of`), or files if
    there are fewer than three speakers; noise recordings are kept apart too.

    Arguments
    ---------
    clean_folders : sequence of str
        Folders of clean speech, 16 kHz mono, any layout.
    noise_folders : sequence of str
        Folders of noise, likewise.
    folder : str or os.PathLike
        Receives ``{train,valid,test}_{speech,noise}.json``, the folders
        ``{valid,test}_{clean,noisy}``, and ``valid.json`` and ``test.json``.
    held_out_share : float
        Share of the speakers, and of the noise files, for validation; as
        many are for the test.
    pairs : int
        Pairs of validation, and of the test.
    seed : int
        Decides the split and the mixtures.

    Returns
    -------
    tuple of Path
        Manifests of the speech and of the noise to train on.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    ValueError
        If there are fewer than three recordings of speech or of noise.
    """
    folder = Path(folder)
    everything = _list_everything(clean_folders, noise_folders, folder)
    speech, noise = (
        split_by_speaker(entries, held_out_share, seed, kind)
        for entries, kind in zip(everything, ("speech", "noise"))
    )
    manifests = {
        part: _write(folder, part, speech[part], noise[part]) for part in PARTS
    }
    for part in PARTS[1:]:
        clean, noisy = folder / f"{part}_clean", folder / f"{part}_noisy"
        write_mixtures(*manifests[part], clean, noisy, TEST_SNR_DB, seed, pairs)
        write_pair_manifest(clean, noisy, folder / f"{part}.json", folder)
    return manifests["train"]


def split_by_speaker(
    entries: dict, held_out_share: float, seed: int, kind: str = "speech"
) -> dict[str, dict]:
    """Splits a manifest into training, validation and test.

    Arguments
    ---------
    entries : dict
        A single manifest.
    held_out_share : float
        Share of the speakers for validation; as many for the test, at least
        one each.
    seed : int
        Decides who goes where.
    kind : str
        What the recordings are, for messages.

    Returns
    -------
    dict
        Manifests by ``"train"``, ``"valid"`` and ``"test"``.

    Raises
    ------
    ValueError
        If there are fewer than three recordings.

    Example
    -------
    >>> entries = {f"{s}_{i}": {"speaker": s} for s in "abc" for i in (1, 2)}
    >>> parts = split_by_speaker(entries, 0.1, seed=0)
    >>> sorted(len(part) for part in parts.values())
    [2, 2, 2]
    """
    if len(entries) < len(PARTS):
        raise ValueError(
            f"{len(entries)} {kind} recordings cannot be split into training, "
            "validation and test: add recordings, or give a data_folder that "
            "validates and tests."
        )
    groups = {key: entry["speaker"] for key, entry in entries.items()}
    if len(set(groups.values())) < len(PARTS):
        logger.warning(
            "Fewer than three speakers of %s: its parts share speakers.", kind
        )
        groups = {key: key for key in entries}
    names = sorted(set(groups.values()))
    order = random_generator(seed, 0, f"split {kind}").permutation(names)
    count = max(1, round(held_out_share * len(names)))
    part_of = dict.fromkeys(names, "train")
    part_of |= dict.fromkeys(order[:count], "test")
    part_of |= dict.fromkeys(order[count : 2 * count], "valid")
    return {
        part: {k: v for k, v in entries.items() if part_of[groups[k]] == part}
        for part in PARTS
    }
