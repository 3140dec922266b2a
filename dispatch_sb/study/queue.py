"""Runs the cells of a study, a few at a time, each in a process of its own.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from dispatch_sb.processes import ONE_THREAD
from dispatch_sb.study.study_plan import Cell

TRIES = 2
POLL_SECONDS = 1.0


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Takes a cell for this process, until the process ends in any way.

    Arguments
    ---------
    folder : pathlib.Path
        The cell's folder; made if need be.

    Yields
    ------
    bool
        False if another process has it.

    Example
    -------
    >>> with claimed(getfixture("tmp_path") / "cell") as mine:
    ...     mine
    True
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".claim")
    with suppress(Timeout):
        lock.acquire(timeout=0)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def is_claimed(folder: Path) -> bool:
    """Whether some process has a cell now.

    Arguments
    ---------
    folder : pathlib.Path
        The cell's folder.

    Returns
    -------
    bool

    Example
    -------
    >>> is_claimed(getfixture("tmp_path") / "nothing")
    False
    """
    if not (folder / ".claim").exists():
        return False
    with claimed(folder) as mine:
        return not mine


def run_cells(
    unfinished: Callable[[], Iterable[Cell]],
    command: Callable[[Cell], Sequence[str]],
    log: Callable[[Cell], Path],
    jobs: int = 2,
    report: Callable[[str], None] = lambda sentence: None,
) -> list[str]:
    """Runs one process per cell, of one thread, so many at a time, until none
    is left.

    A cell that fails is tried once more, then reported and left; the others
    go on. When this is stopped (Ctrl-C, SIGTERM), so are the processes; what
    they have finished stays, and the next call goes on from there.

    Arguments
    ---------
    unfinished : callable
        Returns the cells that are known by now and not finished, in order.
    command : callable
        Cell -> the words of the command that runs it, to status 0.
    log : callable
        Cell -> the file that receives its output.
    jobs : int
        Cells at a time.
    report : callable
        Called with a sentence for everything that begins or ends.

    Returns
    -------
    list of str
        Names of the cells that failed.

    Raises
    ------
    ValueError
        If `jobs` is not positive.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}: give 1 or more.")
    running: dict[str, tuple[Cell, subprocess.Popen]] = {}
    failures: Counter[str] = Counter()
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            given_up = [n for n, count in failures.items() if count >= TRIES]
            taken = {*running, *given_up}
            left = [cell for cell in unfinished() if cell.name not in taken]
            for cell in left[: jobs - len(running)]:
                running[cell.name] = cell, _start(command(cell), log(cell))
                report(f"{cell.name}: started")
            if not running:
                return given_up
            time.sleep(POLL_SECONDS)
            for name, (cell, process) in list(running.items()):
                status = process.poll()
                if status is None:
                    continue
                del running[name]
                if status == 0:
                    report(f"{name}: finished")
                else:
                    failures[name] += 1
                    where = f"status {status}; see {log(cell)}"
                    report(f"{name}: ended with {where}")
    finally:
        signal.signal(signal.SIGTERM, previous)
        for _, process in running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for _, process in running.values():
            process.wait()


def _start(command: Sequence[str], log: Path) -> subprocess.Popen:
    """A process whose children end with it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,
        )
