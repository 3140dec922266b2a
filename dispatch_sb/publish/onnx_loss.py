"""What an ONNX file loses against another, in PESQ on pairs of files.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from dispatch_sb.data.audio import read_audio, write_audio
from dispatch_sb.data.files import map_files
from dispatch_sb.data.matching import Selection, match_pairs
from dispatch_sb.metrics import mean_with_interval, score_systems
from dispatch_sb.metrics.pair import is_score
from dispatch_sb.publish.onnx_runtime import OnnxEnhancer

ACCEPTABLE = 0.03  # of PESQ, on average over the files


class PesqLoss(NamedTuple):
    """PESQ of two files of one model, and the paired difference.

    Arguments
    ---------
    float32, int8 : float
        Mean PESQ-WB of each.
    loss : float
        Mean of float32 - int8 over the pairs.
    interval : list of float
        95 % interval of the loss: bootstrap over pairs; [None, None] with
        fewer than two.
    pairs : int
        How many.
    failed : int
        Pairs without a score; they are in no mean.

    Example
    -------
    >>> loss = PesqLoss(2.104, 2.101, 0.003, [-0.001, 0.007], 64, 0)
    >>> loss.acceptable
    True
    >>> print(loss)
    PESQ-WB 2.104 as float32, 2.101 as int8: loss 0.003, 95 % interval \
[-0.001, 0.007], 64 pairs
    """

    float32: float
    int8: float
    loss: float
    interval: list
    pairs: int
    failed: int

    @property
    def acceptable(self) -> bool:
        """Whether it is small enough to be offered."""
        return self.loss <= ACCEPTABLE

    def __str__(self) -> str:
        text = (
            f"PESQ-WB {self.float32:.3f} as float32, {self.int8:.3f} as int8: "
            f"loss {self.loss:.3f}"
        )
        if None not in self.interval:
            low, high = self.interval
            text += f", 95 % interval [{low:.3f}, {high:.3f}]"
        text += f", {self.pairs} pairs"
        return text + (f", {self.failed} failed" if self.failed else "")


def pesq_loss(
    float32: bytes,
    int8: bytes,
    clean_folder: str | os.PathLike,
    noisy_folder: str | os.PathLike,
    workers: int | None = None,
) -> PesqLoss:
    """Measures what 8 bits cost.

    Arguments
    ---------
    float32, int8 : bytes
        Two ONNX files of one model.
    clean_folder, noisy_folder : str or os.PathLike
        Files of equal names, one channel, at the model's rate.
    workers : int, optional
        Processes that score; one per CPU if None.

    Returns
    -------
    PesqLoss
        Means and the paired difference.

    Raises
    ------
    ValueError
        If the folders do not match each other, or no pair has a score.
    """
    pairs, problems = match_pairs(clean_folder, noisy_folder, Selection())
    if problems:
        raise ValueError(" ".join(problems))
    with tempfile.TemporaryDirectory() as folder:
        enhancers = {
            name: OnnxEnhancer(content)
            for name, content in (("float32", float32), ("int8", int8))
        }

        def enhance(item):
            key, pair = item
            return _enhance_pair(enhancers, key, pair, Path(folder))

        items = map_files(enhance, pairs.items(), "enhancing")
        scores = score_systems(items, workers, metrics=("pesq",))
    return _paired(scores["files"])


def _enhance_pair(enhancers, key: str, pair: dict, folder: Path) -> dict:
    """Writes what each file makes of one noisy file, for `score_systems`."""
    systems = {}
    for name, enhancer in enhancers.items():
        noisy = read_audio(pair["noisy"], enhancer.sample_rate)
        systems[name] = folder / name / f"{key}.wav"
        write_audio(
            systems[name], enhancer.enhance(noisy), enhancer.sample_rate
        )
    return {"id": key, "clean": pair["clean"], "systems": systems}


def _paired(files: dict) -> PesqLoss:
    """Means over the pairs that have both scores."""
    rows = [
        (row["float32"]["pesq"], row["int8"]["pesq"]) for row in files.values()
    ]
    scored = [row for row in rows if all(map(is_score, row))]
    if not scored:
        values = [score for row in rows for score in row]
        errors = sorted({v["error"] for v in values if not is_score(v)})
        raise ValueError(
            f"PESQ has no value on any of the {len(rows)} pairs "
            f"({'; '.join(errors[:3])}): give clean and noisy speech."
        )
    result = mean_with_interval([a - b for a, b in scored])
    means = [sum(column) / len(scored) for column in zip(*scored)]
    return PesqLoss(
        *means,
        loss=result["mean"],
        interval=result["ci95"],
        pairs=len(scored),
        failed=len(rows) - len(scored),
    )
