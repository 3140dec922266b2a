"""Pretrained models: the one way in and out. A teacher is one that never
trains.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.pretrained.folder import save
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.loading import load, load_teacher
from dispatch_sb.pretrained.probe import estimate_delay
from dispatch_sb.pretrained.student import load_student
from dispatch_sb.pretrained.teacher_group import TeacherGroup

__all__ = [
    "FrozenTeacher",
    "TeacherGroup",
    "estimate_delay",
    "load",
    "load_student",
    "load_teacher",
    "save",
]
