"""The sub-commands of `dispatch-sb`, one file each, in the order of the help.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands import (
    demo,
    doctor,
    enhance,
    evaluate,
    export,
    live,
    mix,
    onnx,
    profile,
    push,
    record,
)

COMMANDS = (
    enhance.COMMAND,
    live.COMMAND,
    demo.COMMAND,
    mix.COMMAND,
    record.COMMAND,
    evaluate.COMMAND,
    export.COMMAND,
    push.COMMAND,
    onnx.COMMAND,
    profile.COMMAND,
    doctor.COMMAND,
)

__all__ = ["COMMANDS"]
