"""What is logged of every epoch, and where.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
from pathlib import Path
from typing import Any

from speechbrain.utils.train_logger import (
    FileTrainLogger,
    TensorboardLogger,
    TrainLogger,
)

from dispatch_sb.runs.run import SPEED, Run


class TrainLoggers(TrainLogger):
    """Text, JSON and, where it is installed, TensorBoard, all at once.

    Arguments
    ---------
    output_folder : str or Path
        Receives ``train_log.txt``, ``training.jsonl`` and ``tensorboard/``.
    """

    def __init__(self, output_folder: str | Path):
        folder = Path(output_folder)
        self._text = FileTrainLogger(str(folder / "train_log.txt"))
        self._run = Run(folder)
        self._board: Any = None

    def log_stats(
        self,
        stats_meta: dict,
        train_stats: dict | None = None,
        valid_stats: dict | None = None,
        test_stats: dict | None = None,
        verbose: bool = False,
    ) -> None:
        """Passes the numbers of one epoch on.

        Arguments
        ---------
        stats_meta : dict
            ``epoch`` and anything that belongs to no data set. ``speed`` goes
            to ``training.jsonl`` alone: the others stay the same when the
            training is repeated.
        train_stats, valid_stats, test_stats : dict, optional
            Numbers of the epoch.
        verbose : bool
            Whether the text logger says more.
        """
        stats = (train_stats, valid_stats, test_stats)
        same = {k: v for k, v in stats_meta.items() if k != SPEED}
        self._text.log_stats(same, *stats, verbose=verbose)
        parts = {"train": train_stats or {}, "valid": valid_stats or {}}
        self._run.write_epoch({**stats_meta, **parts})
        if importlib.util.find_spec("tensorboard"):
            if self._board is None:
                folder = self._run.folder / "tensorboard"
                self._board = TensorboardLogger(str(folder))
            self._board.log_stats(same, *stats)
