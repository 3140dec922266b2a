"""Of processes that train together, each notices when another one dies.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import datetime
import os
import platform
import sys
import threading
import time
from collections.abc import Mapping

from torch.distributed import PrefixStore, TCPStore
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

BEAT = 1.0  # seconds between two signs of life
PATIENCE = 40.0  # seconds of silence after which a process counts as dead
LOST = ("gloo", "nccl", "connection", "socket", "store")


class RankWatch:
    """Ends this process, with a sentence, when another of the training dies.

    torchrun does so on one machine; but a process that waits for one of
    another machine may wait for hours. Every process gives signs of life, and
    says how it ends, in the store through which they found each other. That
    is watched by a thread, whatever else the process waits for. One process
    alone watches nothing.

    Arguments
    ---------
    environment : Mapping, optional
        Variables as torchrun sets them; those of this process by default.
    patience : float
        Seconds of silence after which a process counts as dead.

    Example
    -------
    >>> with RankWatch() as watch:
    ...     watch.culprit()
    """

    def __init__(
        self, environment: Mapping | None = None, patience: float = PATIENCE
    ):
        known = os.environ if environment is None else environment
        self.rank = int(known.get("RANK", 0))
        self.count = int(known.get("WORLD_SIZE", 1)) if "RANK" in known else 1
        self.meeting = (
            known.get("MASTER_ADDR", "127.0.0.1"),
            int(known.get("MASTER_PORT", 0)),
        )
        restarts = known.get("TORCHELASTIC_RESTART_COUNT", 0)
        self._attempt = f"watch, attempt {restarts}"
        self.patience = patience
        self._store: PrefixStore | None = None
        self._heard: dict[int, tuple[int, float]] = {}
        self._lost_since: float | None = None
        self._looked = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        if self.count > 1:
            self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        if self.count == 1:
            return
        fine = error is None or getattr(error, "code", 1) in (0, None)
        if not fine and any(word in str(error).lower() for word in LOST):
            self._blame_another()
        self._over.set()
        self._thread.join(2 * BEAT)
        with contextlib.suppress(RuntimeError):
            self._connected().set(f"end {self.rank}", _reason(error, fine))
        if not fine:
            get_error_handler().record_exception(error)

    def culprit(self) -> str | None:
        """Which other process is dead, if one is.

        Returns
        -------
        str or None
            The beginning of a sentence.

        Raises
        ------
        RuntimeError
            If nobody keeps the store any more.
        """
        if self.count == 1:
            return None
        store, now = self._connected(), time.monotonic()
        for rank in set(range(self.count)) - {self.rank}:
            if store.check([f"end {rank}"]):
                reason = store.get(f"end {rank}").decode()
                if reason:
                    return f"{self._name(rank)} failed with {reason!r}"
                continue
            beats = store.add(f"beat {rank}", 0)
            before, since = self._heard.get(rank, (0, now))
            if beats != before:
                self._heard[rank] = (beats, now)
            elif before and now - since > self.patience:
                return (
                    f"{self._name(rank)} has given no sign of life for "
                    f"{now - since:.0f} s: it was killed (out of memory?), or "
                    "its machine is gone"
                )
        return None

    def _name(self, rank):
        """A process as a person finds it."""
        where = self._connected().get(f"place {rank}").decode()
        return f"rank {rank} of {self.count} ({where})"

    def _connected(self):
        """The store that torchrun, or the first process, keeps."""
        if self._store is None:
            limit = datetime.timedelta(seconds=5)
            store = TCPStore(*self.meeting, is_master=False, timeout=limit)
            self._store = PrefixStore(self._attempt, store)
            place = f"machine {platform.node()}, process {os.getpid()}"
            self._store.set(f"place {self.rank}", place)
        return self._store

    def _watch(self):
        """The thread."""
        while not self._over.wait(BEAT):
            found = self._look()
            if found:
                _end(f"{found}. See there; rank {self.rank} ends, too.")

    def _look(self):
        """Gives a sign of life and looks for those of the others."""
        met, now = self._store is not None, time.monotonic()
        if now - self._looked > 10 * BEAT:
            self._heard.clear()  # this process was suspended, perhaps all were
        self._looked = now
        try:
            self._connected().add(f"beat {self.rank}", 1)
            self._lost_since = None
            return self.culprit()
        except RuntimeError:
            self._lost_since = self._lost_since or now
            if not met or now - self._lost_since < self.patience / 2:
                return None
            return f"rank 0, or its machine {self.meeting[0]}, is gone"

    def _blame_another(self):
        """A lost connection is the consequence of a death: whose?"""
        self.patience = min(self.patience, 10 * BEAT)
        until = time.monotonic() + self.patience + 5 * BEAT
        while self._thread.is_alive() and time.monotonic() < until:
            time.sleep(BEAT)


def _reason(error, fine):
    """How a process ended; nothing, if it ended well."""
    if fine:
        return ""
    name = "" if isinstance(error, SystemExit) else type(error).__name__ + ": "
    return f"{name}{error}"[:1000]


def _end(sentence):
    """Ends the process, whatever its other threads wait for."""
    sys.stderr.write(f"\n{sentence[0].upper()}{sentence[1:]}\n")
    sys.stderr.flush()
    os._exit(1)
