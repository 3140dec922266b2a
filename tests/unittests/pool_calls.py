"""What other processes are to load and to call; quick to import.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import signal
import sys
import time


class Unpicklable(Exception):
    """An error that pickle cannot put together again."""

    def __init__(self, text, number):
        super().__init__(text)


def fail(kind, *arguments):
    """Raises."""
    raise kind(*arguments)


def write(folder, job, advance):
    """Dies or hangs half-way through a file if the job is called so."""
    advance(0.5)
    unfinished = folder / f"{job}.{os.getpid()}"
    unfinished.write_text("half")
    advance(1.0)
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "hang":
        time.sleep(600)
    unfinished.unlink()
    return f"done {job}"


def surroundings(*arguments):
    """The process, its threads, whether torch is there, the arguments."""
    threads = os.getenv("OMP_NUM_THREADS")
    return os.getpid(), threads, "torch" in sys.modules, *arguments
