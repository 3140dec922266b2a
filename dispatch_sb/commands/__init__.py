"""The sub-commands of `dispatch-sb`, one file each, in the order of the help.

Authors
 * The dispatch-sb contributors, 2026
"""

from importlib import import_module

NAMES = "enhance live demo mix record shard evaluate export push onnx profile "
NAMES += "doctor"
COMMANDS = tuple(
    import_module(f"{__name__}.{name}").COMMAND for name in NAMES.split()
)

__all__ = ["COMMANDS"]
