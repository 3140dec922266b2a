"""Many files are enhanced: which into which, here or in several processes;
what fails is recorded and the rest goes on.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import functools
import glob
import math
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import soundfile
import torch
from torch import nn
from tqdm import tqdm

from dispatch_sb.data.audio import open_sound
from dispatch_sb.data.disk import FOR_ALL, in_words, writable_folder
from dispatch_sb.data.files import audio_files, map_files, partial_of
from dispatch_sb.data.formats import (
    SUFFIXES,
    Layout,
    choose_layout,
    format_of,
    is_audio_name,
)
from dispatch_sb.enhance.chunked import (
    CHUNK_SECONDS,
    OVERLAP_SECONDS,
    enhancer_of,
)
from dispatch_sb.enhance.one_file import Enhanced, enhance_file
from dispatch_sb.processes import Failure, WorkerPool


class Job(NamedTuple):
    """One file to enhance.

    Arguments
    ---------
    source, target : pathlib.Path
        Read and written.
    layout : Layout
        Format to write.
    seconds : float
        Duration that the header promises.
    fallback : bool
        Whether it becomes WAV because its own format cannot be written.
    """

    source: Path
    target: Path
    layout: Layout
    seconds: float
    fallback: bool = False

    @property
    def targets(self) -> list[Path]:
        """What is written."""
        return [self.target]


class Plan(NamedTuple):
    """What is to be done.

    Arguments
    ---------
    jobs : list of Job
        Files to enhance.
    kept : list of pathlib.Path
        Outputs that exist already.
    problems : dict
        Reasons by source, for files that cannot be read.
    """

    jobs: list[Job]
    kept: list[Path]
    problems: dict[Path, str]


def plan_jobs(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    wanted: str | None = None,
    overwrite: bool = False,
) -> Plan:
    """Finds the inputs, and gives each its output.

    ``output`` is a file if a single file is the input and its suffix is that
    of an audio format. Otherwise it is a folder, in which the structure of a
    folder or of a glob's matches is kept; of several folders each gets one of
    its own name. Files below the output folder are no inputs.

    Arguments
    ---------
    inputs : sequence of str or os.PathLike
        Files, folders (searched recursively) and glob patterns.
    output : str or os.PathLike
        File or folder to write.
    wanted : str, optional
        A format or suffix, such as ``"flac"``; default: as each input has.
    overwrite : bool
        Whether outputs that exist are made again.

    Returns
    -------
    Plan
        Jobs, outputs that stay, and files that cannot be read.

    Raises
    ------
    FileNotFoundError
        If an input does not exist or holds no audio.
    ValueError
        If an output would replace an input or be written twice, or the
        output is no folder where it has to be.
    """
    output = Path(output)
    names_file = is_audio_name(output) and not output.is_dir()
    if wanted is not None:
        format_of(wanted)
    one = len(inputs) == 1 and not os.path.isdir(inputs[0])
    one = one and os.path.exists(inputs[0])
    if one and not output.is_dir() and mimetypes.guess_type(output)[0]:
        format_of(output.suffix)  # or it is a mistake, such as out.m4a
    if one and names_file:
        if wanted and format_of(wanted) != format_of(output.suffix):
            raise ValueError(
                f"{output} and --format {wanted} contradict each other: give "
                "the file that suffix, or leave --format out."
            )
        targets = {Path(inputs[0]): output}
        return _plan(targets, wanted or output.suffix, overwrite, renamed=False)
    targets = _targets(inputs, output)
    if names_file or (output.exists() and not output.is_dir()):
        raise ValueError(
            f"{output} is a file: several inputs, or a folder, need a folder "
            "to write to."
        )
    return _plan(targets, wanted, overwrite, renamed=True)


def _targets(inputs, output: Path) -> dict[Path, Path]:
    """The path to write by the path to read, the suffix unchanged."""
    targets = {}
    for item in inputs:
        path = Path(os.path.abspath(item))
        if path.is_dir():
            root = path.parent if len(inputs) > 1 else path
            found = _audio_below(path, output)
        elif path.exists():
            root, found = path.parent, [path]
        else:
            root, found = _matches(os.fspath(item))
        if not found:
            raise FileNotFoundError(
                f"{item} holds no audio file: check the path, and that the "
                "names end in .wav, .flac, .ogg, .mp3, …."
            )
        for file in found:
            targets.setdefault(_shown(file), output / file.relative_to(root))
    return targets


def _audio_below(folder: Path, output: Path) -> list[Path]:
    """Audio files below a folder, less earlier outputs."""
    goal = Path(os.path.realpath(output))
    if Path(os.path.realpath(folder)) == goal:
        raise ValueError(
            f"{folder} is the input and the output: write to another folder."
        )
    return [
        file
        for file in audio_files(folder, SUFFIXES)
        if not Path(os.path.realpath(file.parent)).is_relative_to(goal)
    ]


def _matches(pattern: str) -> tuple[Path, list[Path]]:
    """The fixed beginning of a glob pattern, and the audio that it finds."""
    if not glob.has_magic(pattern):
        raise FileNotFoundError(f"{pattern} does not exist: check the path.")
    root = Path(os.path.abspath(pattern))
    while glob.has_magic(str(root)):
        root = root.parent
    found = glob.glob(pattern, recursive=True)
    paths = sorted(Path(os.path.abspath(path)) for path in found)
    return root, [p for p in paths if p.is_file() and is_audio_name(p)]


def _shown(path: Path) -> Path:
    """A path as a user would write it: relative if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _plan(targets, wanted, overwrite: bool, renamed: bool) -> Plan:
    """Looks at every header, and sorts the files; a format that is not the
    source's changes the suffix if targets may be renamed."""
    looked = map_files(
        functools.partial(_look, wanted), targets, "Looking at the files"
    )
    plan, taken = Plan([], [], {}), {}
    sources = {os.path.realpath(path) for path in targets}
    for (source, target), found in zip(targets.items(), looked):
        if isinstance(found, str):
            plan.problems[source] = found
            continue
        layout, seconds = found
        if layout.suffix and renamed:
            target = target.with_suffix(layout.suffix)
        _check(source, target, sources, taken)
        taken[target] = source
        if target.exists() and not overwrite:
            plan.kept.append(target)
        else:
            fallback = bool(layout.suffix) and wanted is None
            plan.jobs.append(Job(source, target, layout, seconds, fallback))
    return plan


def _look(wanted: str | None, path: Path) -> tuple[Layout, float] | str:
    """How a file is to be written and its duration, or what is wrong."""
    try:
        with open_sound(path) as file:
            layout = choose_layout(file.format, file.subtype, wanted)
            return layout, file.frames / file.samplerate
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        return str(error)


def _check(source: Path, target: Path, sources: set, taken: dict) -> None:
    """Raises if writing a target would destroy something."""
    if target in taken:
        raise ValueError(
            f"{taken[target]} and {source} would both become {target}: "
            "rename one, or enhance them into two folders."
        )
    if os.path.realpath(target) in sources:
        raise ValueError(
            f"{target} is an input itself: write to another folder, the "
            "originals are never replaced."
        )
    if target.is_dir():
        raise ValueError(f"{target} is a folder, not a file: move it away.")


def enhance_jobs(
    load: Callable[[], nn.Module],
    jobs: Sequence[Job],
    workers: int = 1,
    chunk_seconds: float = CHUNK_SECONDS,
    overlap_seconds: float = OVERLAP_SECONDS,
    keep: float | str | None = None,
) -> dict[Job, Enhanced | str]:
    """Does many jobs, in a terminal with a progress bar over the duration of
    all audio.

    Arguments
    ---------
    load : callable
        Returns the model, in eval mode. For several processes it must be
        picklable, such as a `functools.partial`, and a script needs the usual
        ``if __name__ == "__main__":``, since each of them imports it.
    jobs : sequence of Job
        From `plan_jobs`.
    workers : int
        Processes, of one thread each; 1: this one, with torch's threads.
    chunk_seconds, overlap_seconds : float
        For models that cannot stream, see `ChunkedEnhancer`.
    keep : float or str, optional
        How much of the noise stays, see `enhancer_of`.

    Returns
    -------
    dict
        Of each job what became of it, or why it failed; in the order in
        which they finish.

    Raises
    ------
    ValueError
        If `workers` is not positive. What goes wrong with a file is in its
        outcome; what goes wrong with the model is raised as it is.
    OSError
        If a folder cannot be written, or the disk is full: no job after that
        would fare better, and those that are done stay.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    for folder in {job.target.parent for job in jobs}:
        writable_folder(folder)
    settings = chunk_seconds, overlap_seconds, keep
    start = functools.partial(_start, load, *settings)
    return dict(each_outcome(_enhance, start, jobs, workers, "Enhancing"))


def _start(load, *settings):
    """What enhances; made once in each process."""
    return enhancer_of(load(), *settings)


def _enhance(enhancer, job: Job, advance) -> Enhanced:
    """Does one job."""
    return enhance_file(enhancer, job.source, job.target, job.layout, advance)


def each_outcome(
    do: Callable,
    start: Callable,
    jobs: Sequence,
    workers: int,
    title: str,
    one_thread: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """Does jobs on audio files, here or in several processes, in a terminal
    with a progress bar; one that fails, or whose process dies, costs itself.

    Arguments
    ---------
    do : callable
        Takes what `start` returns, a job, and a function to tell seconds of
        audio that are done. Importable by name.
    start : callable
        Called once in each process; picklable.
    jobs : sequence
        They have ``seconds`` of audio, and ``targets``: files to be written.
    workers : int
        Processes, of one thread each; 1: this one.
    title : str
        Stands beside the progress bar.
    one_thread : bool
        Whether this one gets by with one thread, too.

    Yields
    ------
    (job, any)
        What `do` returned, or a sentence about why it failed.

    Raises
    ------
    OSError
        What all further jobs would meet, too.
    """

    def clean(index, process):
        for path in jobs[index].targets:
            partial_of(path, process).unlink(missing_ok=True)

    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(
            tqdm(
                total=sum(job.seconds for job in jobs),
                unit="s",
                desc=title,
                disable=None,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/"
                "{total:.0f} s of audio [{elapsed}<{remaining}{postfix}]",
            )
        )
        if min(workers, len(jobs)) > 1:
            pool = stack.enter_context(WorkerPool(workers, math.inf, start))
            calls = [(do, job) for job in jobs]
            done = pool.run(_tried, calls, bar.update, clean)
            stack.enter_context(contextlib.closing(done))
        else:
            if one_thread:
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(1)
            loaded = start()
            done = enumerate(_tried(loaded, do, x, bar.update) for x in jobs)
        for number, (index, outcome) in enumerate(done, start=1):
            if isinstance(outcome, OSError):
                raise outcome
            bar.set_postfix_str(f"{number}/{len(jobs)} files", False)
            failed = isinstance(outcome, Failure)
            yield jobs[index], problem_of(outcome) if failed else outcome


def _tried(loaded, do, job, advance):
    """One job; whatever is wrong with its files is told in a sentence, and
    what would be wrong with all files is returned as it is."""
    try:
        return do(loaded, job, advance)
    except (OSError, ValueError, RuntimeError) as error:
        if getattr(error, "errno", None) in FOR_ALL:
            return error
        return " ".join(in_words(error).split()) or type(error).__name__


def problem_of(failure: Failure) -> str:
    """Why a file was not enhanced, and what may help.

    Arguments
    ---------
    failure : Failure
        Of its call.

    Returns
    -------
    str
        A sentence.

    Example
    -------
    >>> problem_of(Failure("its process was killed by SIGKILL", lost=True))
    'its process was killed by SIGKILL (out of memory?): run the command ...'
    """
    if not failure.lost:
        return failure.reason
    return (
        f"{failure.reason} (out of memory?): run the command again, with "
        "fewer workers."
    )


def summarise(
    plan: Plan, outcomes: Mapping[Job, Enhanced | str]
) -> tuple[str, int]:
    """Says what was done, what was kept and what failed.

    Arguments
    ---------
    plan : Plan
        From `plan_jobs`.
    outcomes : Mapping[Job, Enhanced or str]
        From `enhance_jobs`.

    Returns
    -------
    tuple of (str, int)
        The text, and how many files failed.

    Example
    -------
    >>> summarise(Plan([], ["a.wav"], {}), {})[0]
    '0 files enhanced; 1 existed: kept (--overwrite replaces).'
    """
    done, failed, notes = {}, dict(plan.problems), []
    for job, outcome in outcomes.items():
        if isinstance(outcome, str):
            failed[job.source] = outcome
            continue
        done[job.source] = outcome
        if job.fallback:
            notes.append(
                f"note: {job.target} is WAV, since the format of {job.source} "
                "can be read but not written."
            )
    text = f"{len(done)} file{'s' * (len(done) != 1)} enhanced"
    seconds = sum(outcome.seconds for outcome in done.values())
    text += f" ({seconds:,.1f} s of audio)" if done else ""
    if plan.kept:
        text += f"; {len(plan.kept)} existed: kept (--overwrite replaces)"
    text += f"; {len(failed)} failed" if failed else ""
    for source, reason in failed.items():
        named = "" if reason.startswith(str(source)) else f"{source}: "
        notes.append(f"failed: {named}{reason}")
    return "\n".join([f"{text}.", *notes_of(done), *notes]), len(failed)


def notes_of(done: Mapping[str | os.PathLike, Enhanced]) -> list[str]:
    """What a user would wonder about in files that were enhanced.

    Arguments
    ---------
    done : Mapping[str or os.PathLike, Enhanced]
        What became of them, by name.

    Returns
    -------
    list of str
        Sentences.

    Example
    -------
    >>> notes_of({"a.wav": Enhanced(1.0, replaced=0, clipped=7)})
    ['note: 7 enhanced samples of a.wav pass full scale and are clipped: ...']
    """
    notes, narrow = [], {}
    for name, outcome in done.items():
        if outcome.replaced:
            notes.append(
                f"note: {name} has {outcome.replaced} samples that are "
                "no finite numbers; they became silence."
            )
        if outcome.clipped:
            notes.append(
                f"note: {outcome.clipped} enhanced samples of {name} pass full "
                "scale and are clipped: make the input quieter."
            )
        if outcome.narrow:
            narrow.setdefault(outcome.narrow, []).append(name)
    for words, (name, *others) in narrow.items():
        more = f" and {len(others)} more are" if others else " is"
        notes.append(f"note: {name}{more} {words}; none is added.")
    return notes
