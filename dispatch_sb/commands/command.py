"""What a sub-command is; the arguments of all stand in ``commands.yaml``.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = yaml.safe_load(
    Path(__file__).with_name("commands.yaml").read_text("utf-8")
)
TYPES = {"int": int, "float": float}


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
        Takes the arguments by name, returns the text to show. It imports what
        it needs itself, so that `dispatch-sb --help` stays quick. What the
        user can mend it raises as ValueError, OSError, RuntimeError or
        ImportError with one clear sentence.
    examples : str
        Command lines shown at the end of the sub-command's help.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[..., str]
    examples: str = ""


def described(name: str, run: Callable[..., str]) -> Command:
    """A sub-command, as ``commands.yaml`` describes it.

    Arguments
    ---------
    name : str
        What the user types.
    run : callable
        See `Command`.

    Returns
    -------
    Command
        With the table's arguments.

    Example
    -------
    >>> described("doctor", print).summary
    'check the installation, and with --fix repair it'
    """
    row = TABLE[name]

    def add_arguments(parser):
        for argument, options in row["arguments"].items():
            options = dict(options)
            if "type" in options:
                options["type"] = TYPES[options["type"]]
            if isinstance(options.get("metavar"), list):
                options["metavar"] = tuple(options["metavar"])
            parser.add_argument(argument, **options)

    return Command(name, row["summary"], add_arguments, run, row["examples"])


class Unfinished(Exception):
    """Raised by a sub-command that did its work in part: its message is
    the text to show, and the exit status is 1."""
