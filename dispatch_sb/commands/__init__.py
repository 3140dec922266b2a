"""The sub-commands of `dispatch-sb`, one file each, in the order of the help.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands import doctor, evaluate, export, profile

COMMANDS = (
    evaluate.COMMAND,
    export.COMMAND,
    profile.COMMAND,
    doctor.COMMAND,
)

__all__ = ["COMMANDS"]
