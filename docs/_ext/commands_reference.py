"""The reference of the command line, from its own parsers.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import re
import textwrap

from dispatch_sb.cli import build_parser


def commands_reference() -> str:
    """A section for every sub-command of `dispatch-sb`.

    Returns
    -------
    str
        Markdown.
    """
    subparsers = next(
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return "\n".join(
        _section(f"dispatch-sb {name}", parser)
        for name, parser in subparsers.choices.items()
    )


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    """Summary, examples and arguments of one sub-command."""
    summary = parser.description[:1].upper() + parser.description[1:]
    epilog = (parser.epilog or "").partition("examples:\n")[2]
    examples, _, notes = epilog.rstrip().partition("\n\n")
    options = "\n".join(
        _option(action, parser)
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction)
    )
    return (
        f"## {name}\n\n{summary}.\n\n"
        f"```bash\n{textwrap.dedent(examples)}\n```\n\n{_sentence(notes)}"
        f"```{{eval-rst}}\n.. program:: {name}\n\n{options}\n```\n"
    )


def _sentence(notes: str) -> str:
    """What an epilog says below its examples, as a paragraph."""
    words = " ".join(notes.split())
    return f"{words[0].upper()}{words[1:]}.\n\n" if words else ""


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """One argument as a description that can be linked to."""
    formatter = parser._get_formatter()
    value = formatter._format_args(
        action,
        formatter._get_default_metavar_for_optional(action)
        if action.option_strings
        else formatter._get_default_metavar_for_positional(action),
    )
    if action.option_strings:
        shown = [f"{name} {value}".strip() for name in action.option_strings]
    else:
        shown = [value]
    text = formatter._expand_help(action) if action.help else ""
    return f".. option:: {', '.join(shown)}\n\n   {escaped(text)}\n"


def escaped(text: str) -> str:
    """Plain text for reStructuredText.

    Arguments
    ---------
    text : str
        Anything.

    Returns
    -------
    str
        One line in which nothing has a special meaning, and options stand
        out as code.
    """
    plain = re.sub(r"([\\*`|_<>])", r"\\\1", " ".join(text.split()))
    # Options as code: typography makes a dash of two hyphens.
    return re.sub(r"(?<![\w-])(--[a-z][\w-]*)", r"``\1``\\ ", plain)
