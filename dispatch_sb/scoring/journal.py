"""Scores kept as they come: an interrupted evaluation goes on, and no pair of
files is scored twice, by whichever run.

Authors
 * The dispatch-sb contributors, 2026
"""

import errno
import hashlib
import json
import logging
import os
from pathlib import Path

import soundfile

from dispatch_sb import __version__
from dispatch_sb.data.disk import naming
from dispatch_sb.data.value_checks import parse_json
from dispatch_sb.scoring.catalogue import flavours

logger = logging.getLogger(__name__)


class ScoreJournal:
    """A JSON Lines file of scores, found again by content.

    A pair's key is a hash of both signals and of the metrics' flavours, so a
    changed file or another version of a metric is scored anew. Several runs
    may share a file, even at the same time: each score is appended by a single
    write, and what others append meanwhile is seen when it is next opened.

    Arguments
    ---------
    path : str or Path
        The file; made when the first score comes. A line that was cut off by
        an interruption is ignored.

    Raises
    ------
    ValueError
        If the file holds anything else: it is somebody's.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.jsonl"
    >>> ScoreJournal(path).add("key", {"pesq": 2.5})
    >>> ScoreJournal(path).get("key", ("pesq", "stoi"))
    {'pesq': 2.5}
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._scores = {}
        if self.path.exists():
            text = self.path.read_text("utf-8", "replace")
            for line in text.splitlines():
                self._remember(line)
            if text.strip() and not (self._scores or text.startswith("\n{")):
                raise ValueError(
                    f"{self.path} holds no scores, but something else: give "
                    "another file to keep scores in (scores_cache)."
                )

    def get(self, key: str, metrics: tuple[str, ...]) -> dict:
        """Return those of a pair's scores that are there.

        Arguments
        ---------
        key : str
            From `pair_key`.
        metrics : tuple of str
            Names.

        Returns
        -------
        dict
            As `score_pair` returns it, without the metrics that are missing.
        """
        scores = self._scores.get(key, {})
        return {name: scores[name] for name in metrics if name in scores}

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
        # The leading line break ends what an interruption cut off.
        content = f"\n{line}\n".encode()
        with naming(self.path), self.path.open("ab", buffering=0) as file:
            done = file.write(content)
            if done < len(content):
                if file.tell() == os.path.getsize(self.path):
                    file.truncate(file.tell() - done)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _remember(self, line):
        try:
            entry = parse_json(line)
            self._scores.setdefault(entry["key"], {}).update(entry["scores"])
        except (ValueError, KeyError, TypeError):
            if line.strip():
                logger.warning("%s: ignored a damaged line", self.path)


def pair_key(reference: str | Path, estimate: str | Path) -> str:
    """Identify a pair of files by their samples, and by how they are scored.

    Not by their bytes: libsndfile writes the time into the header of a WAV.

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

    Raises
    ------
    OSError, RuntimeError
        If a file cannot be read.

    Example
    -------
    >>> import numpy as np
    >>> path = getfixture("tmp_path") / "tone.wav"
    >>> soundfile.write(path, np.full(8, 0.25), 16000)
    >>> len(pair_key(path, path))
    64
    """
    identity = json.dumps([__version__, flavours()])
    digest = hashlib.sha256(identity.encode())
    for path in (reference, estimate):
        signal, rate = soundfile.read(path, dtype="float32", always_2d=True)
        digest.update(f"{rate} {signal.shape}".encode())
        digest.update(signal.tobytes())
    return digest.hexdigest()
