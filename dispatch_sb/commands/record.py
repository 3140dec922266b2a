"""`dispatch-sb record`: a teacher's answers, written down once.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools

from dispatch_sb.commands.command import described
from dispatch_sb.commands.model_option import check_device


def _record(
    noisy: str, output: str, workers: int, force: bool, device: str, **teacher
) -> str:
    check_device(device)
    from dispatch_sb.enhance.record_teacher import record_folder
    from dispatch_sb.pretrained import load_teacher

    load = functools.partial(load_teacher, **teacher)
    made, kept = record_folder(load, noisy, output, workers, force, device)
    there = f", {kept} were there already" if kept else ""
    return f"{made} files recorded{there}. Train with --teacher_source {output}"


COMMAND = described("record", _record)
