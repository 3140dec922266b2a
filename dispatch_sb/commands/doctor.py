"""`dispatch-sb doctor`: whether the installation works.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fix",
        action="store_true",
        help="repair torchaudio beside a CPU torch: remove its libraries that "
        "need CUDA",
    )


def _doctor(arguments: argparse.Namespace) -> str:
    from dispatch_sb import doctor

    return doctor.diagnose(arguments.fix)


COMMAND = Command(
    "doctor",
    "check the installation, and with --fix repair it",
    _doctor_arguments,
    _doctor,
    examples="  dispatch-sb doctor\n  dispatch-sb doctor --fix",
)
