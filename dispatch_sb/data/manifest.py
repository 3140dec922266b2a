"""Manifests: JSON files that list a data set's audio with lengths, speakers
and hashes, written only when every file is fit for training.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dispatch_sb.data.checks import MIN_SECONDS, check_file
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.freshness import digest, is_current, remember, stamps
from dispatch_sb.data.matching import match_pairs, name_files
from dispatch_sb.data.value_checks import (
    PATH,
    POSITIVE,
    STRING,
    TEXT,
    block,
    block_of,
    read_json,
)

VERSION = 1  # of the manifest's content; raise it when that changes
# Stands for a folder, as in SpeechBrain, which applies `str.format_map` to
# every string of a manifest; hence our braces are doubled.
PLACEHOLDER = "{data_root}"
# Kinds of files in an entry's order, and what begins the names of their values.
KINDS = {"wav": "", "noisy": "noisy_", "clean": "clean_"}
ENTRY = {
    **{f"{begin}wav": PATH for begin in KINDS.values()},
    **{f"{begin}sha256": TEXT for begin in KINDS.values()},
    "length": POSITIVE,
    "speaker": STRING,
    "words": STRING,
}
# What an entry needs to be trained on or scored.
PAIR, SINGLE = ("noisy_wav", "clean_wav", "length"), ("wav", "length")


class ManifestError(ValueError):
    """All problems of a data set's files at once.

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
    min_seconds: float = MIN_SECONDS,
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
    pairs, problems = match_pairs(
        clean_folder, noisy_folder, speakers, exclude_speakers
    )
    words = {key: words[key] for key in pairs if key in (words or {})}
    limits = {"sample_rate": sample_rate, "min_seconds": min_seconds}
    return _keep_or_build(json_path, pairs, problems, data_root, limits, words)


def write_single_manifest(
    folders: str | os.PathLike | Iterable[str | os.PathLike],
    json_path: str | os.PathLike,
    data_root: str | os.PathLike | None = None,
    speakers: Iterable[str] | None = None,
    exclude_speakers: Iterable[str] | None = None,
    sample_rate: int = 16000,
    min_seconds: float = MIN_SECONDS,
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
    files, problems = name_files(folders, speakers, exclude_speakers)
    limits = {"sample_rate": sample_rate, "min_seconds": min_seconds}
    return _keep_or_build(json_path, files, problems, data_root, limits)


def read_manifest(path: str | os.PathLike, needs: Sequence[str] = ()) -> dict:
    """Reads a manifest; `{data_root}` stays as it is.

    Arguments
    ---------
    path : str or os.PathLike
        A JSON file of `write_pair_manifest` or `write_single_manifest`.
    needs : sequence of str
        Keys that every entry must have.

    Returns
    -------
    dict
        Entries by id.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ManifestError
        If it is damaged or empty, or lacks something.
    """
    remedy = "prepare the data again (delete the file first)."
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} does not exist: {remedy}")
    entry = block({key: ENTRY[key] for key in needs}, ENTRY)
    try:
        manifest = read_json(path, block_of(entry, least=1), remedy)
    except ValueError as error:
        raise ManifestError("No manifest", [str(error)]) from error
    return _with_texts(
        manifest, lambda text: text.replace("{{", "{").replace("}}", "}")
    )


def located_manifest(
    manifest_json: str | os.PathLike,
    data_root: str | os.PathLike | None = None,
    needs: Sequence[str] = (),
) -> dict:
    """Reads a manifest and puts a folder in the place of ``{data_root}``.

    Only that one word is replaced: unlike with ``str.format``, braces in a
    transcript or in a folder's name do no harm.

    Arguments
    ---------
    manifest_json : str or os.PathLike
        A manifest of pairs or of single files.
    data_root : str or os.PathLike or None
        The folder; None leaves the paths as they are.
    needs : sequence of str
        Keys that every entry must have, such as those in `PAIR`.

    Returns
    -------
    dict
        Entries by id.
    """
    entries = read_manifest(manifest_json, needs)
    if data_root is None:
        return entries
    return _with_texts(
        entries, lambda text: text.replace(PLACEHOLDER, str(data_root))
    )


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
    data_root,
    limits: dict,
    words: dict | None = None,
) -> dict:
    """Returns the manifest that is there if it fits, or writes a new one."""
    json_path = Path(json_path)
    title = f"{json_path} cannot be written"
    if not sources:
        raise ManifestError(title, problems)
    root = None if data_root is None else os.path.abspath(data_root)
    kind = ["single", root] if words is None else ["pairs", root, words]
    state = digest([VERSION, [*kind, limits], stamps(sources)])
    if not problems and is_current(json_path, state):
        return read_manifest(json_path)
    make = functools.partial(
        _entry, root=root, words=words or {}, limits=limits
    )
    made = map_files(make, sources.items(), f"Checking {json_path.stem}")
    problems = problems + [line for _, lines in made for line in lines]
    if problems:
        raise ManifestError(title, problems)
    manifest = {key: entry for key, (entry, _) in zip(sources, made)}
    json_path.parent.mkdir(parents=True, exist_ok=True)
    _write(json_path, manifest)
    remember(json_path, state)
    return read_manifest(json_path)


def write_again(path: str | os.PathLike, entries: Mapping[str, dict]) -> None:
    """Writes entries of a manifest that was read into another one.

    Arguments
    ---------
    path : str or os.PathLike
        The manifest to write.
    entries : Mapping[str, dict]
        As `read_manifest` returns them.

    Example
    -------
    >>> path = getfixture("tmp_path") / "part.json"
    >>> write_again(path, {"a": {"wav": "/data/{{b}}/a.wav"}})
    >>> read_manifest(path)
    {'a': {'wav': '/data/{{b}}/a.wav'}}
    """
    _write(Path(path), _with_texts(entries, _doubled))


def _write(path: Path, manifest: dict) -> None:
    """Writes a manifest, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n")


def _entry(item, root, words, limits) -> tuple[dict, list[str]]:
    """A manifest's entry of a pair or of a single file, and its problems."""
    key, source = item
    files = {
        kind: check_file(path, **limits)
        for kind, path in source.items()
        if kind != "speaker"
    }
    problems = [line for file in files.values() for line in file.problems]
    counts = {k: file.info.samples for k, file in files.items() if file.sha256}
    if len(set(counts.values())) > 1:
        problems.append(
            f"{source['noisy']} has {counts['noisy']} samples and its clean "
            f"partner {source['clean']} has {counts['clean']}: cut both to the "
            "same length, sample by sample aligned."
        )
    first, *_ = files.values()
    begins = {kind: begin for kind, begin in KINDS.items() if kind in files}
    entry = {
        **{
            f"{b}wav": portable_path(source[k], root) for k, b in begins.items()
        },
        "length": first.info.seconds,
        "speaker": _doubled(source["speaker"]),
        **{f"{b}sha256": files[k].sha256 for k, b in begins.items()},
    }
    if key in words:
        entry["words"] = _doubled(words[key])
    return entry, problems


def portable_path(
    path: str | os.PathLike, root: str | os.PathLike | None
) -> str:
    """A path for a manifest.

    Arguments
    ---------
    path : str or os.PathLike
        The file.
    root : str or os.PathLike or None
        The folder that `{data_root}` stands for.

    Returns
    -------
    str
        Relative to `{data_root}` if it lies below it, otherwise absolute.

    Example
    -------
    >>> portable_path("/data/clean/a.wav", "/data")
    '{data_root}/clean/a.wav'
    >>> portable_path("/elsewhere/{a}.wav", "/data")
    '/elsewhere/{{a}}.wav'
    """
    path = Path(os.path.abspath(path))
    if root is None or not path.is_relative_to(root):
        return _doubled(path.as_posix())
    return f"{PLACEHOLDER}/{_doubled(path.relative_to(root).as_posix())}"


def _doubled(text: str) -> str:
    """A text with its braces as SpeechBrain's formatting needs them."""
    return text.replace("{", "{{").replace("}", "}}")


def _with_texts(manifest: dict, change: Callable[[str], str]) -> dict:
    """A manifest whose texts are changed, and nothing else."""
    return {
        key: {
            name: change(value) if isinstance(value, str) else value
            for name, value in entry.items()
        }
        for key, entry in manifest.items()
    }
