"""Pretrained models: the one way in and out. A teacher is one that never
trains.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.pretrained.folder import write_model_folder
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.hub import load_teacher
from dispatch_sb.pretrained.probe import estimate_delay

__all__ = [
    "FrozenTeacher",
    "estimate_delay",
    "load_teacher",
    "write_model_folder",
]
