"""Which audio files make up a data set: ids from file names, pairs of clean
and noisy files, and the choice of speakers.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dispatch_sb.data.files import LONGEST_NAME, audio_files

LONGEST_ID = LONGEST_NAME - len(".wav")  # files are called by it


def speaker_of(path: str | os.PathLike, root: str | os.PathLike) -> str:
    """A file's speaker, as folders or file names tell.

    Arguments
    ---------
    path : str or os.PathLike
        The file.
    root : str or os.PathLike
        The folder of the data set.

    Returns
    -------
    str
        The first sub-folder below root if there is one, otherwise the file
        name up to the first "_" or "-".

    Example
    -------
    >>> speaker_of("clean/p226_001.wav", "clean")
    'p226'
    >>> speaker_of("clean/ann/morning/1.wav", "clean")
    'ann'
    """
    parts = Path(path).relative_to(root).parts
    if len(parts) > 1:
        return parts[0]
    return Path(path).stem.replace("-", "_").partition("_")[0]


def match_pairs(
    clean_folder: str | os.PathLike,
    noisy_folder: str | os.PathLike,
    speakers: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
) -> tuple[dict[str, dict], list[str]]:
    """Finds the pairs of two folders by the files' names.

    Names are compared without suffix and sub-folders; where a name occurs
    more than once in a folder, its sub-folders are part of it.

    Arguments
    ---------
    clean_folder : str or os.PathLike
        The clean files.
    noisy_folder : str or os.PathLike
        The noisy files.
    speakers : iterable of str, str or None
        The speakers to take; None takes all. A pair's speaker is that of its
        clean file.
    exclude : iterable of str, str or None
        Speakers to leave out; nothing of theirs is a problem.

    Returns
    -------
    tuple of dict and list of str
        By id, sorted: `{"clean": Path, "noisy": Path, "speaker": str}`; and
        the problems found.
    """
    folders = {"clean": Path(clean_folder), "noisy": Path(noisy_folder)}
    problems, found, repeated = [], {}, set()
    if folders["clean"].resolve() == folders["noisy"].resolve():
        problems.append(
            f"{noisy_folder} is both the clean and the noisy folder."
        )
    for kind, folder in folders.items():
        found[kind] = _list_folder(folder, problems)
        counts = Counter(path.stem for path in found[kind])
        repeated |= {stem for stem, count in counts.items() if count > 1}
    if not all(found.values()):
        return {}, problems
    rows = []
    for kind, folder in folders.items():
        for path in found[kind]:
            key = _path_id(path, folder) if path.stem in repeated else path.stem
            rows.append((key, kind, path, folder))
    sources = _choose(rows, speakers, exclude, problems)
    for source in sources.values():
        for kind in folders.keys() - source.keys():
            path = source.get("clean", source.get("noisy"))
            problems.append(
                f"{path} has no {kind} partner: put {path.stem} into "
                f"{folders[kind]}, or delete it here."
            )
    return {k: v for k, v in sources.items() if len(v) == 3}, problems


def name_files(
    folders: str | os.PathLike | Iterable[str | os.PathLike],
    speakers: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
) -> tuple[dict[str, dict], list[str]]:
    """Finds the files of folders of any layout, and gives each an id: its
    path below the folder, preceded by the folder's name where needed.

    Arguments
    ---------
    folders : str or os.PathLike or iterable of them
        The folders.
    speakers : iterable of str, str or None
        The speakers to take; None takes all.
    exclude : iterable of str, str or None
        Speakers to leave out; nothing of theirs is a problem.

    Returns
    -------
    tuple of dict and list of str
        By id, sorted: `{"wav": Path, "speaker": str}`; and the problems.
    """
    if isinstance(folders, (str, os.PathLike)):
        folders = [folders]
    folders = [Path(folder) for folder in folders]
    problems, rows = [], []
    if not folders:
        problems.append("no folder was given: name at least one with audio.")
    for folder in folders:
        for path in _list_folder(folder, problems):
            rows.append((_path_id(path, folder), "wav", path, folder))
    counts = Counter(key for key, *_ in rows)
    rows = [
        (key if counts[key] == 1 else f"{row[-1].resolve().name}_{key}", *row)
        for key, *row in rows
    ]
    return _choose(rows, speakers, exclude, problems), problems


def _list_folder(folder: Path, problems: list[str]) -> list[Path]:
    """The audio files of a folder; that there are none is a problem."""
    try:
        paths = audio_files(folder)
    except FileNotFoundError as error:
        problems.append(str(error))
        return []
    if not paths:
        problems.append(
            f"{folder} holds no audio files: put WAV, FLAC or Ogg files "
            "there, or correct the path."
        )
    return paths


def _path_id(path: Path, folder: Path) -> str:
    """The path below a folder, without suffix, in one word; one that is too
    long for the name of a file ends in a hash of it."""
    word = "_".join(path.relative_to(folder).with_suffix("").parts)
    content = os.fsencode(word)
    if len(content) <= LONGEST_ID:
        return word
    short = hashlib.sha256(content).hexdigest()[:32]
    return f"{content[:200].decode(errors='ignore')}_{short}"


def _choose(rows, speakers, exclude, problems: list[str]) -> dict[str, dict]:
    """The files of the chosen speakers by id and kind, of rows of id, kind,
    path and folder."""
    wanted = None if speakers is None else _names(speakers)
    left_out = _names(exclude or ())
    speaker_by_id, chosen = {}, {}
    for key, kind, path, folder in rows:
        speaker = speaker_by_id.setdefault(key, speaker_of(path, folder))
        if speaker in left_out or not (wanted is None or speaker in wanted):
            continue
        first = chosen.setdefault(key, {}).setdefault(kind, path)
        if first is not path:
            problems.append(
                f"{path} has the same id, {key}, as {first}: rename or delete "
                "one of them."
            )
    known = sorted(set(speaker_by_id.values()))
    there = f"the speakers there are {', '.join(known)}"
    unknown = sorted((left_out | (wanted or set())).difference(known))
    if known and unknown:
        problems += [
            f"{name} is not a speaker of this data: {there}."
            for name in unknown
        ]
    elif known and not chosen:
        problems.append(f"no speaker is left: choose others, {there}.")
    return {
        key: {**chosen[key], "speaker": speaker_by_id[key]}
        for key in sorted(chosen)
    }


def _names(speakers: Iterable[str]) -> set[str]:
    """A set of speakers; one name alone counts as a list of one."""
    if isinstance(speakers, str):
        return {speakers}
    return {str(speaker) for speaker in speakers}
