"""Jobs in several processes, which report while they work: a killed one costs
its job, and none of them survives the parent.

Authors
 * The dispatch-sb contributors, 2026
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import torch


def run_in_processes(
    worker: Any,
    jobs: Sequence[Any],
    workers: int,
    advance: Callable[[float], None],
) -> Iterator[Any]:
    """Does jobs side by side.

    A script that calls this needs the usual
    ``if __name__ == "__main__":``, since processes are spawned.

    Arguments
    ---------
    worker : Any
        Picklable, with ``start() -> do``, where ``do(job, advance)`` gives an
        outcome, ``lost(job, reason)``, the outcome of a job whose process
        died, and ``clean(job, process)``, called for a job that such a
        process had.
    jobs : sequence
        Picklable.
    workers : int
        At most so many processes, of one thread each.
    advance : callable
        Told how many seconds of audio were done.

    Yields
    ------
    Any
        Outcomes, as they finish.

    Raises
    ------
    RuntimeError
        If a process cannot start. What ``start`` raises is raised here.
    """
    waiting = deque(jobs)
    crew: dict[Connection, _Member] = {}
    try:
        while waiting or crew:
            idle = [m for m in crew.values() if m.job is None]
            if len(crew) < min(workers, len(waiting) + len(crew) - len(idle)):
                member = _Member(worker)
                crew[member.connection] = member
                continue
            for connection in wait(list(crew)):
                yield from _hear(worker, crew, connection, waiting, advance)
    finally:
        for member in crew.values():
            member.end(patience=0)
            if member.job is not None:
                worker.clean(member.job, member.process.pid)


def _hear(worker, crew, connection, waiting, advance) -> Iterator[Any]:
    """Takes one message; gives its sender the next job, or its leave."""
    member = crew[connection]
    try:
        kind, value = connection.recv()
    except (EOFError, OSError):
        del crew[connection]
        yield from _bury(worker, member)
        return
    if kind == "advance":
        advance(value)
        return
    if kind == "error":
        raise value
    if kind == "outcome":
        yield value
    member.job = waiting.popleft() if waiting else None
    connection.send(member.job)
    if member.job is None:
        del crew[connection]
        member.end()


def _bury(worker, member) -> Iterator[Any]:
    """The outcome of a process that died."""
    code = member.end()
    cause = f"status {code}"
    if code < 0:
        cause = signal.Signals(-code).name
    if member.job is None:
        raise RuntimeError(
            f"a process that was to enhance ended with {cause} before its "
            "first file: try --workers 1."
        )
    worker.clean(member.job, member.process.pid)
    yield worker.lost(
        member.job,
        f"the process that enhanced it ended with {cause} (out of memory?): "
        "run the command again, with fewer workers.",
    )


class _Member:
    """One process, the pipe to it, and the job that it has."""

    def __init__(self, worker):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, worker), daemon=True
        )
        self.process.start()
        theirs.close()
        self.job = None

    def end(self, patience: float = 5) -> int:
        """Lets the process end, or kills it after some seconds; its exit
        status."""
        self.connection.close()
        self.process.join(patience)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        return self.process.exitcode


def _serve(connection: Connection, worker) -> None:
    """The main function of a process."""
    # Ctrl-C reaches the whole group; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        do = worker.start()
    except Exception as error:  # the parent raises it
        if type(error).__module__ != "builtins":  # may not survive the pipe
            error = RuntimeError(f"{type(error).__name__}: {error}")
        connection.send(("error", error))
        return
    connection.send(("ready", None))
    try:
        while (job := connection.recv()) is not None:
            outcome = do(job, lambda s: connection.send(("advance", s)))
            connection.send(("outcome", outcome))
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone: nobody is left to answer
