"""What a sub-command is.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One sub-command of `dispatch-sb`.

    Arguments
    ---------
    name : str
        What the user types.
    summary : str
        One line of help.
    add_arguments : callable
        Adds the sub-command's arguments to its parser. A positional argument
        must not be called ``run`` or ``command``.
    run : callable
        Takes the parsed arguments, returns the text to show. It imports what
        it needs itself, so that `dispatch-sb --help` stays quick. What the
        user can mend it raises as ValueError, OSError, RuntimeError or
        ImportError with one clear sentence.
    examples : str
        Command lines shown at the end of the sub-command's help.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], str]
    examples: str = ""


class Unfinished(Exception):
    """Raised by a sub-command that did its work in part: its message is
    the text to show, and the exit status is 1."""
