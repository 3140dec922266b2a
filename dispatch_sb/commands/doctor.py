"""`dispatch-sb doctor`: whether the installation works.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _doctor(arguments: argparse.Namespace) -> str:
    from dispatch_sb import doctor

    return doctor.diagnose()


COMMAND = Command(
    "doctor",
    "check the installation; repair torchaudio beside a CPU torch",
    lambda parser: None,
    _doctor,
    examples="  dispatch-sb doctor",
)
