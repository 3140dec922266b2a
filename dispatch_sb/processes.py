"""Calls in other processes: one that dies or hangs costs its call alone, tells
meanwhile how far it is, and never outlives the parent.

Each process has a pipe of its own and shares no lock or queue, so that one
that is killed, at work or at rest, holds up no other. This module imports no
torch: a process starts quickly if its calls need none.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import math
import multiprocessing
import os
import pickle
import signal
import sys
import time
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES}
HOUR = 3600.0
STOP = b""


@dataclass(frozen=True)
class Failure:
    """What a call gives instead of a value.

    Arguments
    ---------
    reason : str
        The exception, or how the process ended.
    lost : bool
        Whether the process died: the same call may succeed next time.

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

    They start when there are calls for them, stay for later ones, and end
    with `close`, with the pool, or with the parent, however that ends. What
    they print goes to standard error.

    Without `load` they do not import the caller's script, which then needs no
    ``if __name__ == "__main__":`` and cannot define what they call.

    Arguments
    ---------
    workers : int or None
        Number of processes; None: one for each available CPU.
    timeout : float
        Seconds after which a call, or a start, counts as hung and its process
        is killed.
    load : callable, optional
        Called once in each process; its value is the first argument of every
        call there. Picklable, such as a `functools.partial`.

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

    def __init__(
        self,
        workers: int | None = None,
        timeout: float = 600.0,
        load: Callable | None = None,
    ):
        if workers is not None and workers < 1:
            raise ValueError(f"workers is {workers}: give 1 or more, or None")
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}: give seconds above 0")
        self.workers = workers or available_cpus()
        self.timeout = timeout
        self._members = [_Member(load, timeout) for _ in range(self.workers)]
        self._ever_ready = False
        self._finalizer = weakref.finalize(self, _end_all, self._members)

    def run(
        self,
        function: Callable,
        calls: Iterable[tuple],
        advance: Callable[[Any], None] | None = None,
        clean: Callable[[int, int], None] | None = None,
    ) -> Iterator[tuple[int, Any]]:
        """Call a function many times, in any order.

        Leaving early kills the processes that are busy.

        Arguments
        ---------
        function : callable
            Importable by name.
        calls : iterable of tuple
            The arguments of each call.
        advance : callable, optional
            If given, the last argument of each call is a function, too; with
            what it is told there, this one is called here.
        clean : callable, optional
            Told the index of a call and the id of the process that died, or
            was killed, with it.

        Yields
        ------
        (int, Any)
            Index of the call, and its value or a `Failure`, as they finish.

        Raises
        ------
        RuntimeError
            If no process can start, or another run is not over. What `load`
            raises is raised here.
        """
        if any(member.busy for member in self._members):
            raise RuntimeError("this pool is busy with another run: close that")
        waiting = deque(enumerate(calls))
        finished = []
        try:
            while True:
                for member in self._members:
                    if waiting and not member.busy:
                        index, arguments = waiting.popleft()
                        call = function, arguments, advance is not None
                        member.take(index, call, clean)
                yield from finished
                if not any(member.busy for member in self._members):
                    return
                finished = self._listen(advance)
        finally:
            for member in self._members:
                if member.busy:
                    member.end(patience=0)

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
        _end_all(self._members)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _listen(self, advance) -> list[tuple[int, Any]]:
        """Waits until processes say something; the calls that are over."""
        busy = {m.connection: m for m in self._members if m.busy}
        left = min(m.deadline for m in busy.values()) - time.monotonic()
        finished = []
        heard = wait(list(busy), min(max(left, 0), HOUR))
        for connection in heard:
            member = busy[connection]
            try:
                kind, value = connection.recv()
            except (EOFError, OSError):
                finished.append((member.index, self._obituary(member)))
                continue
            if kind == "ready":
                self._ever_ready = True
                member.send()
            elif kind == "advance":
                advance(value)
            elif kind == "problem":
                raise value
            else:
                finished.append((member.index, value))
                member.index = None
        for connection in busy.keys() - heard:
            member = busy[connection]
            if member.deadline <= time.monotonic():
                reason = f"its process gave no answer in {self.timeout:g} s"
                finished.append((member.index, Failure(reason, lost=True)))
                member.end(patience=0)
        return finished

    def _obituary(self, member) -> Failure:
        """How a process died."""
        code = member.end()
        reason = f"its process ended with status {code}"
        if code < 0:
            reason = f"its process was killed by {signal.Signals(-code).name}"
        if not self._ever_ready:
            raise RuntimeError(
                f"no call was made, {reason} while it started (out of memory? "
                "If it left a message, that is above): try one worker."
            )
        return Failure(reason, lost=True)


class _Member:
    """One process, the pipe to it, and the call that it has."""

    def __init__(self, load, timeout):
        self.load, self.timeout = load, timeout
        self.process = self.connection = None
        self.index = self.request = self.clean = None
        self.deadline = math.inf
        self._owner = os.getpid()

    @property
    def busy(self) -> bool:
        """Whether it has a call."""
        return self.index is not None

    def take(self, index, call, clean) -> None:
        """Makes a call in the process, which starts if it does not run."""
        self.request = pickle.dumps(call)
        if self.process is not None and self.process.is_alive():
            self.send()
        else:
            self.end()
            self._start()
        self.index, self.clean = index, clean

    def send(self) -> None:
        """Hands the call over."""
        self.deadline = time.monotonic() + self.timeout
        with contextlib.suppress(OSError):  # it died: listening tells
            self.connection.send_bytes(self.request)

    def end(self, patience: float = 5) -> int | None:
        """Lets a process end, or kills it after some seconds, and cleans up
        after its call; its exit status."""
        process, self.process = self.process, None
        index, self.index = self.index, None
        if process is None or self._owner != os.getpid():
            return None  # a forked copy of the pool owns no process
        # Closing the pipe alone is not enough: a process that the parent
        # forked meanwhile (a data loader) may hold a copy of it.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(STOP)
        self.connection.close()
        process.join(patience)
        if process.exitcode is None:
            process.kill()
            process.join()
        if index is not None and self.clean is not None:
            self.clean(index, process.pid)
        return process.exitcode

    def _start(self):
        context = multiprocessing.get_context("spawn")
        connection, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self.load), daemon=True
        )
        with _surroundings(script=self.load is not None), theirs:
            process.start()
        self.deadline = time.monotonic() + self.timeout
        self.process, self.connection = process, connection


def _end_all(members) -> None:
    for member in members:
        member.end(patience=0 if member.busy else 5)


@contextlib.contextmanager
def _surroundings(script: bool) -> Iterator[None]:
    """What a process that starts now will find: one thread for the numerical
    libraries and, unless it is to have one, no script to import."""
    main = sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    if not script:
        sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _serve(connection: Connection, load: Callable | None) -> None:
    """The main function of a process."""
    # Ctrl-C reaches the whole group; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone
        try:
            loaded = () if load is None else (load(),)
        except Exception as error:
            connection.send(("problem", _portable(error)))
            return
        connection.send(("ready", None))
        while (request := connection.recv_bytes()) != STOP:
            connection.send(("value", _answer(connection, loaded, request)))


def _answer(connection, loaded, request) -> Any:
    """Makes a call."""

    def advance(value):
        connection.send(("advance", value))

    try:
        function, arguments, reports = pickle.loads(request)
        more = (advance,) if reports else ()
        return function(*loaded, *arguments, *more)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}")


def _portable(error: Exception) -> Exception:
    """One that survives the pipe: others' may not."""
    if type(error).__module__ == "builtins":
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
