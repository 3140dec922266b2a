"""From VoiceBank-DEMAND's folders, or any in the same layout, to the
manifests of training, validation and test.

VoiceBank-DEMAND: https://datashare.ed.ac.uk/handle/10283/2791 (48 kHz).

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatch_sb.data import (
    ManifestError,
    convert_folder,
    probe,
    speaker_of,
    write_pair_manifest,
)
from dispatch_sb.data.files import audio_files
from dispatch_sb.data.words import read_words

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16000  # Hz
ARCHIVE_RATE = 48000  # Hz, of the published archives
TRAIN_FOLDERS = ("clean_trainset_28spk_wav", "noisy_trainset_28spk_wav")
TEST_FOLDERS = ("clean_testset_wav", "noisy_testset_wav")
# As published: the corpus is known by its speakers and its whole test set.
SPEAKERS = {
    "train": """p226 p227 p228 p230 p231 p233 p236 p239 p243 p244 p250 p254
        p256 p258 p259 p267 p268 p269 p270 p273 p274 p276 p277 p278 p279 p282
        p286 p287""".split(),
    "test": ["p232", "p257"],
}
TEST_PAIRS = 824
URL = "https://doi.org/10.7488/ds/2117"  # states the licence
LICENCE = "CC BY 4.0"
TRAIN_WORDS = "trainset_28spk_txt"
TEST_WORDS = "testset_txt"
OTHER_WAYS = (
    "The other ways: --data_folder mini builds and uses the mini corpus; "
    "--clean_folders and --noise_folders mix your own recordings."
)


def prepare_voicebank(
    data_folder: str | os.PathLike,
    save_folder: str | os.PathLike,
    valid_speakers: Sequence[str],
    train_json: str | os.PathLike,
    valid_json: str | os.PathLike,
    test_json: str | os.PathLike,
    skip_prep: bool = False,
) -> None:
    """Writes the three manifests; what is there and still fits is kept.

    Validation speakers come out of the training set. The test set is for
    the final score alone.

    Arguments
    ---------
    data_folder : str or os.PathLike
        Holds the four folders of VoiceBank-DEMAND, at 16 kHz
        (`clean_trainset_28spk_wav_16k`, …) or as published at 48 kHz
        (`clean_trainset_28spk_wav`, …).
    save_folder : str or os.PathLike
        Where resampled audio goes: `resampled/…_16k` below it.
    valid_speakers : list of str
        Speakers of the training set that validate and do not train.
    train_json : str or os.PathLike
        Manifest of the other training speakers.
    valid_json : str or os.PathLike
        Manifest of the validation speakers.
    test_json : str or os.PathLike
        Manifest of the test set.
    skip_prep : bool
        Whether to take the manifests that are there unseen.

    Raises
    ------
    FileNotFoundError
        If data_folder is not VoiceBank-DEMAND.
    ValueError
        If valid_speakers are unknown or leave nothing to train on.
    ManifestError
        Lists everything that is wrong with the audio.
    """
    manifests = [Path(path) for path in (train_json, valid_json, test_json)]
    if skip_prep:
        return _require(manifests)
    found = find_folders(data_folder)
    valid_speakers = check_speakers(found, valid_speakers)
    folders = resample_folders(found, Path(save_folder) / "resampled")
    parts = [
        (TRAIN_FOLDERS, TRAIN_WORDS, {"exclude_speakers": valid_speakers}),
        (TRAIN_FOLDERS, TRAIN_WORDS, {"speakers": valid_speakers}),
        (TEST_FOLDERS, TEST_WORDS, {}),
    ]
    problems = []
    for path, (names, words, choice) in zip(manifests, parts, strict=True):
        clean, noisy = (folders[name] for name in names)
        texts = Path(data_folder) / words
        words = read_words(texts) if any(texts.glob("*.txt")) else {}
        try:
            manifest = write_pair_manifest(
                clean, noisy, path, data_folder, words=words, **choice
            )
            _log(path, manifest)
        except ManifestError as error:
            problems += error.problems
    if problems:
        problems = _name_sources(problems, found, folders)
        raise ManifestError(f"{data_folder} cannot be used yet", problems)


def describe_voicebank(
    data_folder: str | os.PathLike,
    parts: Mapping[str, Mapping],
    trains: bool = True,
) -> dict:
    """What a run's record says of its corpus, see `Run.note`.

    Arguments
    ---------
    data_folder : str or os.PathLike
        What `prepare_voicebank` was given.
    parts : mapping
        Entries of the "train", "valid" and "test" manifest.
    trains : bool
        Whether it trains; otherwise it only validates and tests.

    Returns
    -------
    dict
        ``name``, ``test_set``, ``data`` and ``credit``. Of other data in the
        same layout only a person knows name and licence.
    """
    use = "training, validation" if trains else "validation"
    about = {"folder": Path(data_folder).name, "use": use}
    found = {
        part: {entry["speaker"] for entry in entries.values()}
        for part, entries in parts.items()
    }
    published = {part: set(names) for part, names in SPEAKERS.items()}
    if (
        found["train"] | found["valid"] != published["train"]
        or found["test"] != published["test"]
        or len(parts["test"]) != TEST_PAIRS
    ):
        return {
            "name": None,
            "test_set": "test set of the run",
            "data": [about],
        }
    name = "VoiceBank-DEMAND"
    by = f"{name} (Valentini-Botinhao, University of Edinburgh)"
    return {
        "name": name,
        "test_set": f"{name}, test set",
        "data": [{**about, "name": by, "licence": LICENCE, "url": URL}],
        "credit": f"{name} ({LICENCE})",
    }


def find_folders(data_folder: str | os.PathLike) -> dict[str, Path]:
    """Finds VoiceBank-DEMAND's four folders.

    Arguments
    ---------
    data_folder : str or os.PathLike
        Where they lie.

    Returns
    -------
    dict
        The folder for each name of `TRAIN_FOLDERS` and `TEST_FOLDERS`; the
        one at 16 kHz where there are two.

    Raises
    ------
    FileNotFoundError
        If one of the four is missing; names them, and the other ways.
    """
    names, found = TRAIN_FOLDERS + TEST_FOLDERS, {}
    for name in names:
        for end in ("", "_16k"):
            if (folder := Path(data_folder, name + end)).is_dir():
                found[name] = folder
    missing = [name for name in names if name not in found]
    if missing:
        raise FileNotFoundError(
            f"{data_folder} is not VoiceBank-DEMAND. Expected there, at 48 "
            f"kHz or with _16k at the end: {', '.join(names)}. Missing: "
            f"{', '.join(missing)}. Unpack the archives of "
            "https://datashare.ed.ac.uk/handle/10283/2791 side by side and "
            f"set data_folder to their folder. {OTHER_WAYS}"
        )
    return found


def check_speakers(
    found: dict[str, Path], valid_speakers: Sequence[str]
) -> list[str]:
    """Checks that some speakers validate and others train.

    Arguments
    ---------
    found : dict
        The folders of `find_folders`.
    valid_speakers : list of str
        Speakers of the training set that are to validate.

    Returns
    -------
    list of str
        The validation speakers.

    Raises
    ------
    ValueError
        If there are none, if one is unknown, or if none is left to train.
    """
    folder = found[TRAIN_FOLDERS[0]]
    known = _speakers(folder)
    if isinstance(valid_speakers, str):
        valid_speakers = [valid_speakers]
    chosen = [str(name) for name in valid_speakers or ()]
    there = f"the training speakers are {', '.join(sorted(known))}"
    unknown = [name for name in chosen if name not in known]
    if not chosen:
        raise ValueError(
            "valid_speakers is empty, but models are selected on speakers "
            f"that do not train: name at least one, {there}."
        )
    if not known:
        return chosen  # an empty folder, which the manifest will report
    if unknown:
        raise ValueError(
            f"valid_speakers names {', '.join(unknown)}, not found in "
            f"{folder}: {there}."
        )
    if known.issubset(chosen):
        raise ValueError(
            f"valid_speakers takes every speaker of {folder}, nothing is "
            f"left to train on: take some out, {there}."
        )
    if both := known & _speakers(found[TEST_FOLDERS[0]]):
        logger.warning(
            "%s train and test: scores will not be those of new speakers.",
            ", ".join(sorted(both)),
        )
    return chosen


def resample_folders(found: dict[str, Path], target: Path) -> dict[str, Path]:
    """Resamples the folders that are not at 16 kHz yet.

    Arguments
    ---------
    found : dict
        The folders of `find_folders`.
    target : pathlib.Path
        Resampled folders go below it, as `<name>_16k`.

    Returns
    -------
    dict
        The folder at 16 kHz for each name.

    Raises
    ------
    ManifestError
        Lists all files that could not be resampled.
    """
    folders, problems = {}, []
    for name, folder in found.items():
        if folder.name.endswith("_16k") or _rate_of(folder) == SAMPLE_RATE:
            folders[name] = folder
            continue
        folders[name] = target / f"{name}_16k"
        try:
            count = convert_folder(
                folder, folders[name], SAMPLE_RATE, ARCHIVE_RATE, prune=True
            )
            logger.info("%s: %d files resampled.", folders[name], count)
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError("Not everything could be resampled", problems)
    return folders


def _rate_of(folder: Path) -> int:
    """The sample rate of the first file that can be read."""
    for path in audio_files(folder):
        try:
            return probe(path).sample_rate
        except (OSError, ValueError):
            continue
    return SAMPLE_RATE  # nothing to resample: the manifest says what is wrong


def _speakers(folder: Path) -> set[str]:
    """The speakers of a folder."""
    return {speaker_of(path, folder) for path in audio_files(folder)}


def _require(manifests: list[Path]) -> None:
    """Raises unless all manifests are there."""
    missing = [str(path) for path in manifests if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"skip_prep is set, but {', '.join(missing)} do not exist: run "
            "once without it."
        )


def _name_sources(problems, found, folders) -> list[str]:
    """Names the user's file, not the resampled one, where they differ."""
    problems = list(dict.fromkeys(problems))
    for name, folder in folders.items():
        ours, theirs = str(folder), str(found[name])
        problems = [line.replace(ours, theirs) for line in problems]
    return problems


def _log(path: Path, manifest: dict) -> None:
    """Says what a manifest holds."""
    speakers = sorted({entry["speaker"] for entry in manifest.values()})
    hours = sum(entry["length"] for entry in manifest.values()) / 3600
    logger.info(
        "%s: %d pairs, %.2f hours, speakers %s.",
        path,
        len(manifest),
        hours,
        ", ".join(speakers),
    )
