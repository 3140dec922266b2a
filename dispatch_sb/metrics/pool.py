"""A pool of scoring processes that survives the death of any of them.

Unlike multiprocessing's, a worker imports neither the caller's main module
nor torch, and a killed worker costs one call instead of the whole pool.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from dispatch_sb.metrics import worker


@dataclass(frozen=True)
class Failure:
    """What a call gives instead of a value.

    Arguments
    ---------
    reason : str
        The exception, or how the worker ended.
    lost : bool
        Whether the worker died: the same call may succeed next time.

    Example
    -------
    >>> Failure("ValueError: too short").lost
    False
    """

    reason: str
    lost: bool = False


def available_cpus() -> int:
    """Return how many CPUs this process may use.

    Returns
    -------
    int
        At least 1.

    Example
    -------
    >>> available_cpus() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerPool:
    """Processes, of one thread each, that call functions.

    They start with the first call, stay for later ones, and end with
    `close`, with the pool, or with the parent, however that ends.

    Arguments
    ---------
    workers : int or None
        Number of processes; None: one for each available CPU.
    timeout : float
        Seconds after which a call counts as hung and its worker is killed.

    Raises
    ------
    ValueError
        If `workers` or `timeout` is not positive.

    Example
    -------
    >>> import math
    >>> with WorkerPool(workers=1) as pool:
    ...     sorted(pool.run(math.sqrt, [(4,), (9,)]))
    [(0, 2.0), (1, 3.0)]
    """

    def __init__(self, workers: int | None = None, timeout: float = 600.0):
        if workers is not None and workers < 1:
            raise ValueError(f"workers is {workers}: give 1 or more, or None")
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}: give seconds above 0")
        self.workers = workers or available_cpus()
        self._members = [_Worker(timeout) for _ in range(self.workers)]
        self._idle = queue.LifoQueue()  # prefers processes that run already
        for member in self._members:
            self._idle.put(member)
        self._finalizer = weakref.finalize(self, _close_all, self._members)

    def run(
        self, function: Callable, calls: Iterable[tuple]
    ) -> Iterator[tuple[int, Any]]:
        """Call a function many times, in any order.

        Arguments
        ---------
        function : Callable
            Importable by name and from outside the main module.
        calls : iterable of tuple
            The arguments of each call.

        Returns
        -------
        iterator of (int, Any)
            Index of the call, and its value or a `Failure`, as they finish.

        Raises
        ------
        RuntimeError
            If no worker process can start at all.
        """
        with ThreadPoolExecutor(self.workers) as threads:
            futures = [
                threads.submit(self._call, index, function, arguments)
                for index, arguments in enumerate(calls)
            ]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def process_ids(self) -> list[int]:
        """Return the ids of the processes that are running now.

        Returns
        -------
        list of int
            Empty before the first call and after `close`.

        Example
        -------
        >>> WorkerPool(1).process_ids()
        []
        """
        processes = [member.process for member in self._members]
        return [process.pid for process in processes if process is not None]

    def close(self) -> None:
        """End the processes; a later call starts new ones."""
        _close_all(self._members)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, index, function, arguments):
        member = self._idle.get()
        try:
            return index, member.call(function, arguments)
        finally:
            self._idle.put(member)


class _Worker:
    """One process and the pipe to it; starts when called."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.process = None
        self._owner = os.getpid()
        self._ever_ready = False
        self._expired = False

    def call(self, function, arguments):
        self._expired = False
        timer = threading.Timer(self.timeout, self._expire)
        timer.daemon = True
        timer.start()
        try:
            if self.process is None:
                self._start()
            worker.send(self.process.stdin, (function, arguments))
            kind, value = worker.receive(self.process.stdout)
        except (EOFError, OSError) as error:
            return Failure(self._bury(error), lost=True)
        finally:
            timer.cancel()
        return value if kind == "value" else Failure(value)

    def _start(self):
        self.process = _spawn()
        try:
            worker.receive(self.process.stdout)
        except EOFError as error:
            if self._ever_ready:
                raise
            raise RuntimeError(
                "a scoring process cannot start (its message is above): "
                f"{self._bury(error)}"
            ) from error
        self._ever_ready = True

    def _expire(self):
        self._expired = True
        if self.process is not None:
            self.process.kill()

    def _bury(self, error):
        """Collect a dead process and say how it died."""
        process, self.process = self.process, None
        if process is None:  # it could not even be created
            return f"{type(error).__name__}: {error}"
        code = _reap(process)
        if self._expired:
            return f"no answer from the scoring process in {self.timeout:g} s"
        if code < 0:
            name = signal.Signals(-code).name
            return f"the scoring process was killed by {name}"
        return f"the scoring process ended with status {code}"

    def close(self):
        process, self.process = self.process, None
        if process is None or self._owner != os.getpid():
            return  # a forked copy of the pool owns no process
        # Closing the pipe alone is not enough: a process that the parent
        # forked meanwhile (a data loader) may hold a copy of it.
        with contextlib.suppress(OSError):
            process.stdin.write(worker.STOP)
            process.stdin.flush()
        _reap(process)


def _spawn():
    """Start a process that sees the modules that we see, with one thread."""
    path = [entry or os.getcwd() for entry in sys.path]
    code = (
        f"import sys; sys.path[:] = {path!r}; "
        "from dispatch_sb.metrics.worker import serve; serve()"
    )
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    single = {f"{name}_NUM_THREADS": "1" for name in names}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **single},
    )


def _reap(process):
    """Close the pipes, wait a little, kill if need be; the exit status."""
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    process.stdout.close()
    return code


def _close_all(members):
    for member in members:
        member.close()
