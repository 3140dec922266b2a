"""The command `dispatch-sb` and its sub-commands.

Each sub-command is a file of `dispatch_sb.commands`; what it takes stands in
``commands.yaml`` there.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import contextlib
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from dispatch_sb import __version__
from dispatch_sb.commands import COMMANDS
from dispatch_sb.commands.command import Unfinished
from dispatch_sb.commands.keep_option import joined

FAILURES = (ValueError, OSError, RuntimeError, ImportError, MemoryError)


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser of the command line.

    Returns
    -------
    argparse.ArgumentParser
        With one sub-parser for each entry of `COMMANDS`.

    Example
    -------
    >>> build_parser().parse_args(["profile", "--size", "T"]).size
    'T'
    """
    parser = argparse.ArgumentParser(
        prog="dispatch-sb",
        description="Selective knowledge distillation for speech enhancement.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        child = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=f"examples:\n{command.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(child)
        child.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one sub-command and writes its text to standard output.

    Arguments
    ---------
    argv : sequence of str, optional
        The words after `dispatch-sb`; default: those of this process.

    Returns
    -------
    int
        Exit status: 0; 1 if the sub-command failed for a reason that it
        could name, which is then on standard error, or did its work in
        part; 130 after Ctrl-C or a `kill`.
    """
    words = joined(sys.argv[1:] if argv is None else argv)
    if hasattr(sys.stdout, "reconfigure"):  # names need not be UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = build_parser()
    for before, word in zip(words, words[1:]):
        if re.fullmatch(r"(--[\w-]+=)?\s*", word):
            parser.error(
                f"an empty word ('') follows {before}: is a variable of the "
                "shell not set?"
            )
    arguments = vars(parser.parse_args(words))
    command, run = arguments.pop("command"), arguments.pop("run")
    try:
        with _terminated_like_interrupted():
            text = run(**arguments)
    except FAILURES as error:
        from dispatch_sb.data.disk import in_words

        said = in_words(error) or "memory ran out: give less at a time."
        sys.stderr.write(f"dispatch-sb {command}: {said}\n")
        return 1
    except Unfinished as error:
        sys.stdout.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"dispatch-sb {command}: interrupted\n")
        return 130
    if text:  # nothing may follow audio on standard output
        sys.stdout.write(text + "\n")
    return 0


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Inside, SIGTERM raises KeyboardInterrupt, as Ctrl-C does: Python would
    otherwise end at once and leave temporary files behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
