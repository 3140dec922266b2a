"""Which audio files make up a data set: ids from file names, pairs of clean
and noisy files, and the choice of speakers.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dispatch_sb.data.files import audio_files


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


class Selection:
    """A choice of speakers.

    Arguments
    ---------
    speakers : iterable of str, str or None
        The speakers to take; None takes all.
    exclude : iterable of str, str or None
        Speakers to leave out.

    Example
    -------
    >>> selection = Selection(exclude=["ann"])
    >>> selection.takes("ann"), selection.takes("bob")
    (False, True)
    """

    def __init__(
        self,
        speakers: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ):
        self.speakers = None if speakers is None else _names(speakers)
        self.exclude = _names(exclude or ())

    def takes(self, speaker: str) -> bool:
        """Whether a speaker is chosen."""
        wanted = self.speakers is None or speaker in self.speakers
        return wanted and speaker not in self.exclude

    def problems(self, known: Iterable[str]) -> list[str]:
        """What is wrong with this choice, given the speakers that exist."""
        known = sorted(set(known))
        if not known:
            return []  # no files: said elsewhere
        named = self.exclude | (self.speakers or set())
        there = f"the speakers there are {', '.join(known)}"
        lines = [
            f"{name} is not a speaker of this data: {there}."
            for name in sorted(named.difference(known))
        ]
        if not lines and not any(map(self.takes, known)):
            lines.append(f"no speaker is left: choose others, {there}.")
        return lines


def match_pairs(
    clean_folder: str | os.PathLike,
    noisy_folder: str | os.PathLike,
    selection: Selection,
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
    selection : Selection
        The speakers to take; a pair's speaker is that of its clean file.

    Returns
    -------
    tuple of dict and list of str
        By id, sorted: `{"clean": Path, "noisy": Path, "speaker": str}`; and
        the problems found.
    """
    clean, problems = _list_folder(clean_folder)
    noisy, noisy_problems = _list_folder(noisy_folder)
    problems += noisy_problems
    if not clean or not noisy:
        return {}, problems
    repeated = _repeated_stems(clean) | _repeated_stems(noisy)
    clean = _by_id(clean, clean_folder, repeated, problems)
    noisy = _by_id(noisy, noisy_folder, repeated, problems)
    pairs, known = {}, set()
    for key in sorted(clean.keys() | noisy.keys()):
        if key in clean:
            speaker = speaker_of(clean[key], clean_folder)
        else:
            speaker = speaker_of(noisy[key], noisy_folder)
        known.add(speaker)
        if not selection.takes(speaker):
            continue
        if key not in noisy:
            problems.append(_no_partner(clean[key], "noisy", noisy_folder))
        elif key not in clean:
            problems.append(_no_partner(noisy[key], "clean", clean_folder))
        else:
            files = {"clean": clean[key], "noisy": noisy[key]}
            pairs[key] = {**files, "speaker": speaker}
    return pairs, problems + selection.problems(known)


def name_files(
    folders: Iterable[str | os.PathLike], selection: Selection
) -> tuple[dict[str, dict], list[str]]:
    """Finds the files of folders of any layout, and gives each an id: its
    path below the folder, preceded by the folder's name where needed.

    Arguments
    ---------
    folders : iterable of str or os.PathLike
        The folders.
    selection : Selection
        The speakers to take.

    Returns
    -------
    tuple of dict and list of str
        By id, sorted: `{"wav": Path, "speaker": str}`; and the problems.
    """
    problems, found = [], []
    folders = [Path(folder) for folder in folders]
    if not folders:
        problems.append("no folder was given: name at least one with audio.")
    for folder in folders:
        paths, lines = _list_folder(folder)
        problems += lines
        found += [(_path_id(path, folder), folder, path) for path in paths]
    counts = Counter(key for key, _, _ in found)
    named, known = {}, set()
    for key, folder, path in found:
        speaker = speaker_of(path, folder)
        known.add(speaker)
        if counts[key] > 1:
            key = f"{folder.resolve().name}_{key}"
        if selection.takes(speaker):
            _add(named, key, {"wav": path, "speaker": speaker}, problems)
    return dict(sorted(named.items())), problems + selection.problems(known)


def _names(speakers: Iterable[str]) -> set[str]:
    """A set of speakers; one name alone counts as a list of one."""
    if isinstance(speakers, str):
        return {speakers}
    return {str(speaker) for speaker in speakers}


def _list_folder(folder) -> tuple[list[Path], list[str]]:
    """The audio files of a folder, and the problem if there are none."""
    try:
        paths = audio_files(folder)
    except FileNotFoundError as error:
        return [], [str(error)]
    if paths:
        return paths, []
    return [], [
        f"{folder} holds no audio files: put WAV, FLAC or Ogg files there, "
        "or correct the path."
    ]


def _repeated_stems(paths: list[Path]) -> set[str]:
    """Names, without suffix, that occur more than once."""
    counts = Counter(path.stem for path in paths)
    return {stem for stem, count in counts.items() if count > 1}


def _path_id(path: Path, folder) -> str:
    """The path below a folder, without suffix, in one word."""
    return "_".join(path.relative_to(folder).with_suffix("").parts)


def _by_id(paths: list[Path], folder, repeated: set[str], problems) -> dict:
    """Files by id: the stem, or the path where stems are repeated."""
    by_id = {}
    for path in paths:
        key = _path_id(path, folder) if path.stem in repeated else path.stem
        _add(by_id, key, path, problems)
    return by_id


def _add(by_id: dict, key: str, value, problems: list[str]) -> None:
    """Adds an entry, unless its id is taken."""
    if key not in by_id:
        by_id[key] = value
        return
    paths = [
        entry["wav"] if isinstance(entry, dict) else entry
        for entry in (by_id[key], value)
    ]
    problems.append(
        f"{paths[1]} has the same id, {key}, as {paths[0]}: rename or "
        "delete one of them."
    )


def _no_partner(path: Path, kind: str, folder) -> str:
    """The problem of a file without its pair."""
    return (
        f"{path} has no {kind} partner: put {path.stem} into {folder}, or "
        "delete it here."
    )
