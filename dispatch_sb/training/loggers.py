"""Training loggers beyond SpeechBrain's own.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

from speechbrain.utils.train_logger import (
    FileTrainLogger,
    TensorboardLogger,
    TrainLogger,
)

from dispatch_sb.runs.run import Run


class JsonLinesLogger(TrainLogger):
    """One JSON object per epoch, for reports and for other programs.

    An epoch that is trained again after an interruption replaces its line.

    Arguments
    ---------
    path : str or Path
        The file; its folder is made with the first line.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "training.jsonl"
    >>> logger = JsonLinesLogger(path)
    >>> logger.log_stats({"epoch": 1, "lr": 0.1}, train_stats={"loss": 2.0})
    >>> print(path.read_text(), end="")
    {"epoch": 1, "lr": 0.1, "train": {"loss": 2.0}, "valid": {}}
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def log_stats(
        self,
        stats_meta: dict,
        train_stats: dict | None = None,
        valid_stats: dict | None = None,
        test_stats: dict | None = None,
        verbose: bool = False,
    ) -> None:
        """Appends one epoch; test scores have a file of their own.

        Arguments
        ---------
        stats_meta : dict
            ``epoch`` and anything that belongs to no data set.
        train_stats, valid_stats, test_stats : dict, optional
            Numbers of the epoch.
        verbose : bool
            Unused; part of SpeechBrain's interface.
        """
        del test_stats, verbose
        row = dict(stats_meta, train=train_stats or {}, valid=valid_stats or {})
        earlier = [
            line
            for line in self._lines()
            if json.loads(line)["epoch"] < row["epoch"]
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text("\n".join([*earlier, json.dumps(row)]) + "\n")
        partial.replace(self.path)

    def _lines(self) -> list[str]:
        """What the file holds so far."""
        if not self.path.exists():
            return []
        return self.path.read_text(encoding="utf-8").splitlines()


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
        self._json = JsonLinesLogger(Run(folder).log)
        self._board: Any = None
        self._board_folder = folder / "tensorboard"

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
            ``epoch`` and anything that belongs to no data set.
        train_stats, valid_stats, test_stats : dict, optional
            Numbers of the epoch.
        verbose : bool
            Whether the text logger says more.
        """
        stats = (train_stats, valid_stats, test_stats)
        self._text.log_stats(stats_meta, *stats, verbose=verbose)
        self._json.log_stats(stats_meta, *stats)
        if importlib.util.find_spec("tensorboard"):
            if self._board is None:
                self._board = TensorboardLogger(str(self._board_folder))
            self._board.log_stats(stats_meta, *stats)
