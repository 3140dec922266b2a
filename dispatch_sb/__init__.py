"""Selective knowledge distillation for speech enhancement, on SpeechBrain.

Importing this package loads nothing else; its rooms are imported by name,
as in `from dispatch_sb.losses import DistillationLoss`.

Authors
 * The dispatch-sb contributors, 2026
"""

__version__ = "0.1.0"
