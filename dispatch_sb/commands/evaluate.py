"""`dispatch-sb evaluate`: a model is scored on pairs of files.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described
from dispatch_sb.commands.model_option import check_device


def _evaluate(device: str, **options) -> str:
    check_device(device)
    from dispatch_sb.scoring import format_table
    from dispatch_sb.scoring.evaluation import evaluate_folders

    return format_table(evaluate_folders(device=device, **options))


COMMAND = described("evaluate", _evaluate)
