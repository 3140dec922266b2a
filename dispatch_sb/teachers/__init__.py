"""Teachers: networks that enhance speech for the student to learn from, and
never train.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.teachers.frozen import FrozenTeacher
from dispatch_sb.teachers.hub import load_teacher
from dispatch_sb.teachers.probe import estimate_delay

__all__ = ["FrozenTeacher", "estimate_delay", "load_teacher"]
