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
TRAIN_SPEAKERS = set(
    """p226 p227 p228 p230 p231 p233 p236 p239 p243 p244 p250 p254 p256 p258
    p259 p267 p268 p269 p270 p273 p274 p276 p277 p278 p279 p282 p286
    p287""".split()
)
TEST_SPEAKERS = {"p232", "p257"}
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

    Raises
    ------
    FileNotFoundError
        If data_folder is not VoiceBank-DEMAND.
    ValueError
        If valid_speakers are unknown or leave nothing to train on.
    ManifestError
        Lists everything that is wrong with the audio.
    """
    found = _find_folders(data_folder)
    chosen = _check_speakers(found, valid_speakers)
    folders = _resample_folders(found, Path(save_folder) / "resampled")
    parts = [
        (TRAIN_FOLDERS, TRAIN_WORDS, {"exclude_speakers": chosen}),
        (TRAIN_FOLDERS, TRAIN_WORDS, {"speakers": chosen}),
        (TEST_FOLDERS, TEST_WORDS, {}),
    ]
    problems = {}  # by sentence: training and validation share folders
    manifests = (train_json, valid_json, test_json)
    for path, (names, words, choice) in zip(manifests, parts):
        clean, noisy = (folders[name] for name in names)
        texts = Path(data_folder) / words
        words = read_words(texts) if any(texts.glob("*.txt")) else {}
        try:
            manifest = write_pair_manifest(
                clean, noisy, path, data_folder, words=words, **choice
            )
        except ManifestError as error:
            problems |= dict.fromkeys(error.problems)
            continue
        logger.info(
            "%s: %d pairs, %.2f hours, speakers %s.",
            path,
            len(manifest),
            sum(entry["length"] for entry in manifest.values()) / 3600,
            ", ".join(sorted({x["speaker"] for x in manifest.values()})),
        )
    if problems:
        lines = list(problems)
        for name, folder in folders.items():  # the user's file, not our copy
            ours, theirs = str(folder), str(found[name])
            lines = [line.replace(ours, theirs) for line in lines]
        raise ManifestError(f"{data_folder} cannot be used yet", lines)


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
    train, valid, test = (
        {entry["speaker"] for entry in parts[part].values()}
        for part in ("train", "valid", "test")
    )
    published = [train | valid, test, len(parts["test"])]
    if published != [TRAIN_SPEAKERS, TEST_SPEAKERS, TEST_PAIRS]:
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


def _find_folders(data_folder) -> dict[str, Path]:
    """The four folders by name; the one at 16 kHz where there are two."""
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


def _check_speakers(found: dict[str, Path], valid_speakers) -> list[str]:
    """The validation speakers: some, but not all, of those that train."""
    if isinstance(valid_speakers, str):
        valid_speakers = [valid_speakers]
    chosen = {str(name) for name in valid_speakers or ()}
    train, test = (
        {speaker_of(path, folder) for path in audio_files(folder)}
        for folder in (found[TRAIN_FOLDERS[0]], found[TEST_FOLDERS[0]])
    )
    # A folder without audio is reported with all that is wrong with the files.
    if not chosen or train and not chosen < train:
        raise ValueError(
            f"valid_speakers is {sorted(chosen)}, but models are selected on "
            "training speakers that do not train: name some, but not all, of "
            f"{', '.join(sorted(train))}."
        )
    if both := train & test:
        logger.warning(
            "%s train and test: scores will not be those of new speakers.",
            ", ".join(sorted(both)),
        )
    return sorted(chosen)


def _resample_folders(found: dict[str, Path], target: Path) -> dict[str, Path]:
    """The folder at 16 kHz by name, made below target where there is none."""
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
