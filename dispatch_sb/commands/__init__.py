"""The sub-commands of `dispatch-sb`, one file each, in the order of the help.

Authors
 * The dispatch-sb contributors, 2026
"""

from importlib import import_module

from dispatch_sb.commands.command import TABLE

COMMANDS = tuple(import_module(f"{__name__}.{name}").COMMAND for name in TABLE)

__all__ = ["COMMANDS"]
