"""Selective knowledge distillation for speech enhancement, on SpeechBrain.

Importing this package loads nothing else; its rooms are imported by name,
as in `from dispatch_sb.losses import DistillationLoss`. `load_student` is
fetched when it is first asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch_sb.pretrained.student import load_student

__version__ = "0.1.0"
__all__ = ["load_student"]


def __getattr__(name: str) -> Any:
    """What is imported only when it is used (PEP 562)."""
    if name == "load_student":
        from dispatch_sb.pretrained.student import load_student

        return load_student
    raise AttributeError(f"module 'dispatch_sb' has no attribute {name!r}")
