"""Many files are enhanced, here or in several processes; what fails is
recorded and the rest goes on.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn
from tqdm import tqdm

from dispatch_sb.enhance.chunked import (
    CHUNK_SECONDS,
    OVERLAP_SECONDS,
    enhancer_of,
)
from dispatch_sb.enhance.one_file import enhance_file
from dispatch_sb.enhance.plan import Job
from dispatch_sb.processes import Failure, WorkerPool

ABANDONED = 600  # seconds without growth: nobody writes this file any more


class Outcome(NamedTuple):
    """What became of a job.

    Arguments
    ---------
    job : Job
        Source, target, layout.
    seconds : float
        Duration of the audio that was enhanced; 0 if it failed.
    replaced : int
        Values that were NaN or infinite, and became silence.
    problem : str
        Why it failed; empty if it did not.
    """

    job: Job
    seconds: float = 0.0
    replaced: int = 0
    problem: str = ""


def enhance_jobs(
    load: Callable[[], nn.Module],
    jobs: Sequence[Job],
    workers: int = 1,
    progress: bool | None = None,
    chunk_seconds: float = CHUNK_SECONDS,
    overlap_seconds: float = OVERLAP_SECONDS,
) -> list[Outcome]:
    """Does many jobs, with a progress bar over the duration of all audio.

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
    progress : bool, optional
        Whether the bar is shown; default: in a terminal.
    chunk_seconds, overlap_seconds : float
        For models that cannot stream, see `ChunkedEnhancer`.

    Returns
    -------
    list of Outcome
        In the order in which they finish.

    Raises
    ------
    ValueError
        If `workers` is not positive. What goes wrong with a file is in its
        outcome; what goes wrong with the model is raised as it is.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    remove_abandoned(jobs)
    start = functools.partial(_start, load, chunk_seconds, overlap_seconds)
    bar = tqdm(
        total=sum(job.seconds for job in jobs),
        unit="s",
        desc="Enhancing",
        disable=None if progress is None else not progress,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s "
        "of audio [{elapsed}<{remaining}{postfix}]",
    )
    with bar:
        if min(workers, len(jobs)) <= 1:
            outcomes = _run_here(start, jobs, bar.update)
        else:
            outcomes = _run_in_processes(start, jobs, workers, bar.update)
        done = []
        for outcome in outcomes:
            done.append(outcome)
            bar.set_postfix_str(f"{len(done)}/{len(jobs)} files", False)
        return done


def remove_abandoned(jobs: Sequence[Job]) -> None:
    """Deletes the unfinished files that a killed process left behind.

    Arguments
    ---------
    jobs : sequence of Job
        Their targets' folders are looked at.
    """
    for folder in {job.target.parent for job in jobs}:
        for path in folder.glob(".*.partial"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED:
                    path.unlink()


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


def _start(load, chunk_seconds, overlap_seconds):
    """What enhances; made once in each process."""
    return enhancer_of(load(), chunk_seconds, overlap_seconds)


def _run_here(start, jobs, advance) -> Iterator[Outcome]:
    """One job after the other, in this process."""
    enhancer = start()
    for job in jobs:
        yield _do(enhancer, job, advance)


def _run_in_processes(start, jobs, workers, advance) -> Iterator[Outcome]:
    """Jobs side by side; a process that dies costs the one that it had."""

    def clean(index, process):
        partial_of(jobs[index].target, process).unlink(missing_ok=True)

    with WorkerPool(workers, math.inf, start) as pool:
        calls = [(job,) for job in jobs]
        for index, outcome in pool.run(_do, calls, advance, clean):
            if isinstance(outcome, Failure):
                outcome = Outcome(jobs[index], problem=problem_of(outcome))
            yield outcome


def _do(enhancer, job: Job, advance) -> Outcome:
    """One job; whatever is wrong with its files is part of the outcome."""
    told = 0.0

    def tell(seconds):
        nonlocal told
        told += seconds
        advance(seconds)

    try:
        seconds, replaced = enhance_file(
            enhancer, job.source, job.target, job.layout, tell
        )
    except (OSError, ValueError, RuntimeError) as error:
        advance(job.seconds - told)  # so that the bar still reaches its end
        return Outcome(job, problem=_one_line(error))
    return Outcome(job, seconds, replaced)


def _one_line(error: Exception) -> str:
    """An exception as one sentence."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def partial_of(target: Path, process: int) -> Path:
    """The unfinished file of a process, see `atomic_path`.

    Arguments
    ---------
    target : pathlib.Path
        What it was to become.
    process : int
        Its id.

    Returns
    -------
    pathlib.Path
        A hidden file beside the target.

    Example
    -------
    >>> partial_of(Path("out/a.wav"), 42).name
    '.a.wav.42.partial'
    """
    return target.with_name(f".{target.name}.{process}.partial")
