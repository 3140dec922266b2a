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
from contextlib import ExitStack, contextmanager, suppress
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
    lock = FileLock(folder / ".claim", timeout=0)
    with ExitStack() as held:
        mine = True
        try:
            held.enter_context(lock.acquire())
        except Timeout:
            mine = False
        yield mine


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


class CellQueue:
    """Starts one process per cell, of one thread, so many at a time, until
    none is left.

    A cell that fails is tried once more, then reported and left; the others
    go on. When the queue is stopped (Ctrl-C, SIGTERM), so are its processes;
    what they have finished stays, and the next queue goes on from there.

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
    """

    def __init__(
        self,
        unfinished: Callable[[], Iterable[Cell]],
        command: Callable[[Cell], Sequence[str]],
        log: Callable[[Cell], Path],
        jobs: int = 2,
        report: Callable[[str], None] = lambda sentence: None,
    ):
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}: give 1 or more.")
        self.unfinished = unfinished
        self.command, self.log = command, log
        self.jobs, self.report = jobs, report
        self.running: dict[str, tuple[Cell, subprocess.Popen]] = {}
        self.failures: Counter[str] = Counter()

    def run(self) -> list[str]:
        """Runs until no cell is waiting.

        Returns
        -------
        list of str
            Names of the cells that failed.
        """
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while self._fill() or self.running:
                time.sleep(POLL_SECONDS)
                self._collect()
        finally:
            signal.signal(signal.SIGTERM, previous)
            self._stop()
        return self._given_up()

    def _given_up(self) -> list[str]:
        return [n for n, count in self.failures.items() if count >= TRIES]

    def _fill(self) -> bool:
        """Starts what there is room for; whether anything is waiting."""
        taken = {*self.running, *self._given_up()}
        left = [cell for cell in self.unfinished() if cell.name not in taken]
        for cell in left[: self.jobs - len(self.running)]:
            self._start(cell)
        return bool(left)

    def _start(self, cell: Cell) -> None:
        log = self.log(cell)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as output:
            process = subprocess.Popen(
                self.command(cell),
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,  # so that its children end with it
            )
        self.running[cell.name] = (cell, process)
        self.report(f"{cell.name}: started")

    def _collect(self) -> None:
        """Takes leave of processes that have ended."""
        for name, (cell, process) in list(self.running.items()):
            status = process.poll()
            if status is None:
                continue
            del self.running[name]
            if status == 0:
                self.report(f"{name}: finished")
                continue
            self.failures[name] += 1
            self.report(
                f"{name}: ended with status {status}; see {self.log(cell)}"
            )

    def _stop(self) -> None:
        """Ends all that is running, with its children."""
        for _, process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for _, process in self.running.values():
            process.wait()
