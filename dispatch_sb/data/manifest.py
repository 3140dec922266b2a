"""Manifests: JSON files that list a data set's audio with lengths, speakers
and hashes, written only when every file is fit for training.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dispatch_sb.data.checks import check_file, check_pair
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.freshness import digest, is_current, remember, stamps
from dispatch_sb.data.matching import Selection, match_pairs, name_files
from dispatch_sb.data.matching import speaker_of as speaker_of
from dispatch_sb.data.paths import escape_braces, plain_braces, portable_path

VERSION = 1  # of the manifest's content; raise it when that changes


class ManifestError(ValueError):
    """All problems of a manifest at once.

    Arguments
    ---------
    title : str
        What cannot be done.
    problems : list of str
        One sentence each, naming the file and the remedy.

    Example
    -------
    >>> print(ManifestError("No manifest", ["a.wav is silent: delete it."]))
    No manifest, 1 problem:
      a.wav is silent: delete it.
    """

    def __init__(self, title: str, problems: list[str]):
        plural = "" if len(problems) == 1 else "s"
        lines = [f"{title}, {len(problems)} problem{plural}:", *problems]
        super().__init__("\n  ".join(lines))
        self.problems = problems


def write_pair_manifest(
    clean_folder: str | os.PathLike,
    noisy_folder: str | os.PathLike,
    json_path: str | os.PathLike,
    data_root: str | os.PathLike,
    speakers: Iterable[str] | None = None,
    exclude_speakers: Iterable[str] | None = None,
    words: Mapping[str, str] | None = None,
    sample_rate: int = 16000,
    min_seconds: float = 0.25,
) -> dict:
    """Makes a manifest of two folders that hold pairs of equal names.

    Every file is read, checked and hashed. A manifest that is there, and
    still fits files and arguments, is kept.

    Arguments
    ---------
    clean_folder : str or os.PathLike
        Clean speech: WAV, FLAC or Ogg, sub-folders allowed.
    noisy_folder : str or os.PathLike
        The same speech in noise, under the same names (suffixes may differ).
    json_path : str or os.PathLike
        The manifest to write.
    data_root : str or os.PathLike
        Files below it are written as `{data_root}/…`, others absolutely.
    speakers : iterable of str or None
        The speakers to take; None takes all. Names as `speaker_of` gives.
    exclude_speakers : iterable of str or None
        Speakers to leave out.
    words : mapping or None
        What is said, by id.
    sample_rate : int
        The rate in Hz that all files must have.
    min_seconds : float
        The least duration.

    Returns
    -------
    dict
        By id, sorted: noisy_wav, clean_wav, length (in seconds), speaker,
        noisy_sha256, clean_sha256, and words where known.

    Raises
    ------
    ManifestError
        Lists everything that is wrong; nothing is written then.

    Example
    -------
    >>> import numpy as np
    >>> from dispatch_sb.data.audio import write_audio
    >>> root = getfixture("tmp_path")
    >>> speech = np.sin(np.arange(16000))
    >>> for kind in ("clean", "noisy"):
    ...     write_audio(root / kind / "ann_01.wav", speech)
    >>> manifest = write_pair_manifest(
    ...     root / "clean", root / "noisy", root / "train.json", root
    ... )
    >>> manifest["ann_01"]["noisy_wav"], manifest["ann_01"]["speaker"]
    ('{data_root}/noisy/ann_01.wav', 'ann')
    """
    selection = Selection(speakers, exclude_speakers)
    pairs, problems = match_pairs(clean_folder, noisy_folder, selection)
    words = {key: words[key] for key in pairs if key in (words or {})}
    limits = {"sample_rate": sample_rate, "min_seconds": min_seconds}
    entry = functools.partial(
        _pair_entry, data_root=data_root, words=words, limits=limits
    )
    settings = ["pairs", os.path.abspath(data_root), words, limits]
    return _keep_or_build(json_path, pairs, problems, entry, settings)


def write_single_manifest(
    folders: str | os.PathLike | Iterable[str | os.PathLike],
    json_path: str | os.PathLike,
    data_root: str | os.PathLike | None = None,
    speakers: Iterable[str] | None = None,
    exclude_speakers: Iterable[str] | None = None,
    sample_rate: int = 16000,
    min_seconds: float = 0.25,
) -> dict:
    """Makes a manifest of folders of speech, or of noise, to be mixed.

    Arguments
    ---------
    folders : str or os.PathLike or a list of them
        Folders of WAV, FLAC or Ogg files in any layout.
    json_path : str or os.PathLike
        The manifest to write.
    data_root : str or os.PathLike or None
        Files below it are written as `{data_root}/…`, others absolutely.
    speakers : iterable of str or None
        The speakers to take; None takes all. Names as `speaker_of` gives.
    exclude_speakers : iterable of str or None
        Speakers to leave out.
    sample_rate : int
        The rate in Hz that all files must have; `convert_folder` converts.
    min_seconds : float
        The least duration.

    Returns
    -------
    dict
        By id, sorted: wav, length (in seconds), speaker, sha256.

    Raises
    ------
    ManifestError
        Lists everything that is wrong; nothing is written then.
    """
    if isinstance(folders, (str, os.PathLike)):
        folders = [folders]
    selection = Selection(speakers, exclude_speakers)
    files, problems = name_files(folders, selection)
    limits = {"sample_rate": sample_rate, "min_seconds": min_seconds}
    entry = functools.partial(_single_entry, data_root=data_root, limits=limits)
    root = None if data_root is None else os.path.abspath(data_root)
    settings = ["single", root, limits]
    return _keep_or_build(json_path, files, problems, entry, settings)


def read_manifest(path: str | os.PathLike) -> dict:
    """Reads a manifest; `{data_root}` stays as it is.

    Arguments
    ---------
    path : str or os.PathLike
        A JSON file of `write_pair_manifest` or `write_single_manifest`.

    Returns
    -------
    dict
        Entries by id.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ManifestError
        If it is damaged or empty.
    """
    remedy = "prepare the data again (delete the file first)."
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} does not exist: {remedy}")
    try:
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        problem = f"{path} is not valid JSON ({error}): {remedy}"
        raise ManifestError("No manifest", [problem]) from error
    entries = manifest.values() if isinstance(manifest, dict) else ()
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        problem = f"{path} does not list audio files by id: {remedy}"
        raise ManifestError("No manifest", [problem])
    return {
        key: {name: plain_braces(value) for name, value in entry.items()}
        for key, entry in manifest.items()
    }


def manifest_hash(path: str | os.PathLike) -> str:
    """A hash of what a manifest lists: the same for the same audio under
    the same ids, wherever it lies.

    Arguments
    ---------
    path : str or os.PathLike
        The manifest.

    Returns
    -------
    str
        SHA-256 in hexadecimal of everything but the paths.
    """
    content = {
        key: {
            name: value
            for name, value in entry.items()
            if name not in ("wav", "clean_wav", "noisy_wav")
        }
        for key, entry in read_manifest(path).items()
    }
    return digest(content)


def _keep_or_build(
    json_path,
    sources: Mapping[str, dict],
    problems: list[str],
    entry: Callable,
    settings: list,
) -> dict:
    """Returns the manifest that is there if it fits, or writes a new one."""
    json_path = Path(json_path)
    title = f"{json_path} cannot be written"
    if not sources:
        raise ManifestError(title, problems)
    state = digest([VERSION, settings, stamps(sources)])
    if not problems and is_current(json_path, state):
        return read_manifest(json_path)
    results = map_files(
        lambda item: entry(*item), sources.items(), f"Checking {json_path.stem}"
    )
    problems = problems + [line for _, lines in results for line in lines]
    if problems:
        raise ManifestError(title, problems)
    manifest = {
        key: content for key, (content, _) in zip(sources, results, strict=True)
    }
    json_path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(json_path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n")
    remember(json_path, state)
    return manifest


def _pair_entry(key, source, data_root, words, limits) -> tuple[dict, list]:
    """The manifest's entry of a pair, and the pair's problems."""
    clean, noisy, problems = check_pair(
        source["clean"], source["noisy"], **limits
    )
    entry = {
        "noisy_wav": portable_path(source["noisy"], data_root),
        "clean_wav": portable_path(source["clean"], data_root),
        "length": clean.seconds,
        "speaker": escape_braces(source["speaker"]),
        "noisy_sha256": noisy.sha256,
        "clean_sha256": clean.sha256,
    }
    if key in words:
        entry["words"] = escape_braces(words[key])
    return entry, problems


def _single_entry(key, source, data_root, limits) -> tuple[dict, list]:
    """The manifest's entry of a single file, and the file's problems."""
    checked = check_file(source["wav"], **limits)
    entry = {
        "wav": portable_path(source["wav"], data_root),
        "length": checked.seconds,
        "speaker": escape_braces(source["speaker"]),
        "sha256": checked.sha256,
    }
    return entry, checked.problems
