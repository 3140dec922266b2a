"""The recipe, whose processes lose patience once they have trained, with a
scoring that takes longer. Started by torchrun.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
import sys
import time
from pathlib import Path

from torch.distributed.distributed_c10d import _set_pg_timeout

from dispatch_sb.scoring import evaluation
from dispatch_sb.training.brain import DistillationBrain

LIMIT = 5.0  # seconds that a process then waits for another
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"


def main() -> None:
    """Trains, then scores slowly."""
    fit, score = DistillationBrain.fit, evaluation.score_systems

    def fit_and_lose_patience(*args, **kwargs):
        fit(*args, **kwargs)
        _set_pg_timeout(datetime.timedelta(seconds=LIMIT))

    def score_slowly(*args, **kwargs):
        time.sleep(LIMIT + 3)
        return score(*args, **kwargs)

    DistillationBrain.fit = fit_and_lose_patience
    evaluation.score_systems = score_slowly
    sys.path.insert(0, str(RECIPE))
    import train

    train.main(sys.argv[1:])


if __name__ == "__main__":
    main()
