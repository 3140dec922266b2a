"""What is logged of every epoch, and where.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

from speechbrain.utils.train_logger import (
    FileTrainLogger,
    TensorboardLogger,
    TrainLogger,
)

from dispatch_sb.data.disk import naming
from dispatch_sb.data.files import atomic_path
from dispatch_sb.runs.run import SPEED, Run

EPOCH = re.compile(r"epoch: (\d+)\b.*\n")  # a line of the text


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
        self._forget(stats_meta["epoch"])
        with naming(self._text.save_file):
            self._text.log_stats(same, *stats, verbose=verbose)
        parts = {"train": train_stats or {}, "valid": valid_stats or {}}
        self._run.write_epoch({**stats_meta, **parts})
        if importlib.util.find_spec("tensorboard"):
            if self._board is None:
                folder = self._run.folder / "tensorboard"
                self._board = TensorboardLogger(str(folder))
            self._board.log_stats(same, *stats)

    def _forget(self, epoch: int) -> None:
        """Takes out of the text what a killed run has said of an epoch that
        is done again, and of those that followed."""
        path = Path(self._text.save_file)
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        found = [EPOCH.fullmatch(line) for line in text.splitlines(True)]
        before = [m[0] for m in found if m and int(m[1]) < epoch]
        if len(before) < len(found):
            with atomic_path(path) as temporary:
                temporary.write_text("".join(before), encoding="utf-8")
