"""Workers for other processes; quick to import.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import signal
import time


class Unpicklable(Exception):
    """An error that pickle cannot put together again."""

    def __init__(self, text, number):
        super().__init__(text)


class Unlucky:
    """A worker that dies at the job "die", half-way through a file, hangs at
    the job "sleep", or does not even start."""

    def __init__(self, folder, error=None):
        self.folder = folder
        self.error = error and (type(error), error.args)

    def start(self):
        if self.error:
            kind, arguments = self.error
            raise kind(*arguments, *[0] * (kind is Unpicklable))
        return self.do

    def do(self, job, advance):
        advance(0.5)
        if job == "die":
            (self.folder / f"{job}.{os.getpid()}").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "sleep":
            (self.folder / f"{job}.{os.getpid()}").write_text("half")
            advance(1.0)
            time.sleep(600)
        return f"done {job}"

    def lost(self, job, reason):
        return f"lost {job}: {reason}"

    def clean(self, job, process):
        (self.folder / f"{job}.{process}").unlink(missing_ok=True)
