"""`dispatch-sb record`: a teacher's answers, written down once.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.model_option import add_trust_argument, check_device


def _record_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        metavar="SOURCE",
        help="the teacher, as teacher_source in a recipe: a folder, a hub id, "
        "or whatever load_teacher loads",
    )
    add(
        "noisy",
        metavar="NOISY",
        help="folder of noisy files, searched recursively",
    )
    add(
        "output",
        metavar="OUT",
        help="folder for the recordings: then the teacher_source of a recipe",
    )
    add("--revision", help="of a hub id: commit, tag or branch")
    add("--device", default="cpu", help="cpu (default) or cuda")
    add("--workers", type=int, default=1, help="processes of one thread (1)")
    add(
        "--delay",
        type=int,
        default=0,
        help="samples by which the teacher's output lags, removed (0)",
    )
    add(
        "--resample",
        action="store_true",
        help="let a teacher of another sample rate work at its own rate",
    )
    add(
        "--force",
        action="store_true",
        help="record again what is of another teacher, of noisy files that "
        "have changed, or of unknown origin; default: it is refused",
    )
    add_trust_argument(parser)


def _record(arguments: argparse.Namespace) -> str:
    check_device(arguments.device)
    from dispatch_sb.enhance.record_teacher import record_folder
    from dispatch_sb.pretrained import load_teacher

    load = functools.partial(
        load_teacher,
        arguments.source,
        revision=arguments.revision,
        delay=arguments.delay,
        resample=arguments.resample,
        trust_remote_code=arguments.trust_remote_code,
    )
    made, kept = record_folder(
        load,
        arguments.noisy,
        arguments.output,
        arguments.workers,
        arguments.force,
        arguments.device,
    )
    there = f", {kept} were there already" if kept else ""
    return (
        f"{made} files recorded{there}. Train with --teacher_source "
        f"{arguments.output}"
    )


COMMAND = Command(
    "record",
    "write down a teacher's answers, so that training need not run it",
    _record_arguments,
    _record,
    examples="""\
  dispatch-sb record pretrained/fastenhancer-b-16k pool/train/noisy recorded/b
  dispatch-sb record USER/NAME noisy/ recorded/ --revision COMMIT --workers 4

OUT receives 24-bit FLAC files with the names of the noisy ones, and
recording.json, which says what made them. The same command goes on after an
interruption.""",
)
