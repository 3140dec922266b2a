"""Scores kept as they come, so that an interrupted evaluation goes on.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
import json
import logging
from pathlib import Path

from dispatch_sb.metrics.catalogue import flavours

logger = logging.getLogger(__name__)


class ScoreJournal:
    """A JSON Lines file of scores, found again by content.

    A pair's key is a hash of both files and of the metrics' flavours, so a
    changed file or another version of a metric is scored anew.

    Arguments
    ---------
    path : str or Path
        The file; made when the first score comes. A line that was cut off by
        an interruption is ignored.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.jsonl"
    >>> ScoreJournal(path).add("key", {"pesq": 2.5})
    >>> ScoreJournal(path).get("key", ("pesq",))
    {'pesq': 2.5}
    >>> ScoreJournal(path).get("key", ("pesq", "stoi")) is None
    True
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._scores = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._remember(line)

    def get(self, key: str, metrics: tuple[str, ...]) -> dict | None:
        """Return a pair's scores, if all the metrics are there.

        Arguments
        ---------
        key : str
            From `pair_key`.
        metrics : tuple of str
            Names.

        Returns
        -------
        dict or None
            As `score_pair` returns it.
        """
        scores = self._scores.get(key, {})
        if not all(name in scores for name in metrics):
            return None
        return {name: scores[name] for name in metrics}

    def add(self, key: str, scores: dict) -> None:
        """Append a pair's scores to the file at once.

        Arguments
        ---------
        key : str
            From `pair_key`.
        scores : dict
            As `score_pair` returns it.
        """
        self._scores.setdefault(key, {}).update(scores)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, "scores": scores}, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            # The leading line break ends what an interruption cut off.
            file.write(f"\n{line}\n")

    def _remember(self, line):
        try:
            entry = json.loads(line)
            self._scores.setdefault(entry["key"], {}).update(entry["scores"])
        except (ValueError, KeyError, TypeError):
            if line.strip():
                logger.warning("%s: ignored a damaged line", self.path)


def pair_key(reference: str | Path, estimate: str | Path) -> str:
    """Identify a pair of files by what they hold.

    Arguments
    ---------
    reference : str or Path
        Clean file.
    estimate : str or Path
        File to score.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Example
    -------
    >>> len(pair_key(__file__, __file__))
    64
    """
    digest = hashlib.sha256(json.dumps(flavours()).encode())
    for path in (reference, estimate):
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()
