"""The recipe in a process group that waits for nobody longer than seconds,
with a scoring that takes longer. Started by torchrun.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
import sys
import time
from pathlib import Path

import torch

from dispatch_sb import evaluation

LIMIT = 12.0  # seconds that a process waits for another
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"


def main() -> None:
    """Trains, then scores slowly."""
    start_group = torch.distributed.init_process_group
    score = evaluation.score_systems

    def start_impatient_group(*args, **kwargs):
        limit = datetime.timedelta(seconds=LIMIT)
        start_group(*args, **{**kwargs, "timeout": limit})

    def score_slowly(*args, **kwargs):
        time.sleep(LIMIT + 3)
        return score(*args, **kwargs)

    torch.distributed.init_process_group = start_impatient_group
    evaluation.score_systems = score_slowly
    sys.path.insert(0, str(RECIPE))
    import train

    train.main(sys.argv[1:])


if __name__ == "__main__":
    main()
