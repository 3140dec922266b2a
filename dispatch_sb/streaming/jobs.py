"""Many files are enhanced, here or in several processes; what fails is
recorded and the rest goes on.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn
from tqdm import tqdm

from dispatch_sb.streaming.chunked import (
    CHUNK_SECONDS,
    OVERLAP_SECONDS,
    enhancer_of,
)
from dispatch_sb.streaming.files import enhance_file
from dispatch_sb.streaming.plan import Job
from dispatch_sb.streaming.processes import run_in_processes

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


class Worker:
    """Loads a model and then does jobs with it; travels to other processes.

    Arguments
    ---------
    load : callable
        Returns the model, in eval mode. For several processes it must be
        picklable, such as a `functools.partial`.
    chunk_seconds, overlap_seconds : float
        For models that cannot stream, see `ChunkedEnhancer`.
    """

    def __init__(
        self,
        load: Callable[[], nn.Module],
        chunk_seconds: float = CHUNK_SECONDS,
        overlap_seconds: float = OVERLAP_SECONDS,
    ):
        self.load = load
        self.lengths = chunk_seconds, overlap_seconds

    def start(self) -> Callable[[Job, Callable[[float], None]], Outcome]:
        """Loads the model; returns a function of a job, and of one that is
        told how many seconds of audio each block had."""
        enhancer = enhancer_of(self.load(), *self.lengths)
        return lambda job, advance: _do(enhancer, job, advance)

    def lost(self, job: Job, reason: str) -> Outcome:
        """What became of a job whose process ended.

        Arguments
        ---------
        job : Job
            What it had to do.
        reason : str
            How it ended.

        Returns
        -------
        Outcome
            A failure.
        """
        return Outcome(job, problem=reason)

    def clean(self, job: Job, process: int) -> None:
        """Deletes the file that a process had not finished.

        Arguments
        ---------
        job : Job
            What it had to do.
        process : int
            Its id; it has ended.
        """
        partial_of(job.target, process).unlink(missing_ok=True)


def enhance_jobs(
    worker: Worker,
    jobs: Sequence[Job],
    workers: int = 1,
    progress: bool | None = None,
) -> list[Outcome]:
    """Does many jobs, with a progress bar over the duration of all audio.

    Arguments
    ---------
    worker : Worker
        Does one.
    jobs : sequence of Job
        From `plan_jobs`.
    workers : int
        Processes, of one thread each; 1: this one, with torch's threads.
    progress : bool, optional
        Whether the bar is shown; default: in a terminal.

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
    bar = tqdm(
        total=sum(job.seconds for job in jobs),
        unit="s",
        desc="Enhancing",
        disable=None if progress is None else not progress,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s "
        "of audio [{elapsed}<{remaining}{postfix}]",
    )
    with bar:
        if workers == 1 or len(jobs) <= 1:
            outcomes = _run_here(worker, jobs, bar.update)
        else:
            outcomes = run_in_processes(worker, jobs, workers, bar.update)
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


def _run_here(worker, jobs, advance) -> Iterator[Outcome]:
    """One job after the other, in this process."""
    do = worker.start()
    for job in jobs:
        yield do(job, advance)


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
