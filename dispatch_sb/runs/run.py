"""A run's folder: what was trained, how it went, what it scored.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from dispatch_sb.data import manifest_hash
from dispatch_sb.models.interface import state_hash
from dispatch_sb.publish.open import open_model
from dispatch_sb.publish.settings import Settings, read_settings
from dispatch_sb.report.run import read_run

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Run:
    """The ``output_folder`` of a training; what it reads, it reads once.

    Arguments
    ---------
    folder : pathlib.Path
        The folder; use `Run.open`, which says what is wrong with it.

    Example
    -------
    >>> Run.open("no/such/run")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no/such/run is no run: ...
    """

    folder: Path

    @classmethod
    def open(cls, folder: str | os.PathLike) -> Run:
        """Opens a run, finished or not.

        Arguments
        ---------
        folder : str or path
            The ``output_folder`` of a training.

        Returns
        -------
        Run

        Raises
        ------
        FileNotFoundError
            If it holds no recipe.
        """
        run = cls(Path(folder))
        _ = run.settings
        return run

    @cached_property
    def settings(self) -> Settings:
        """The recipe, not executed."""
        return read_settings(self.folder)

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """One entry per finished epoch, as in ``training.jsonl``."""
        return read_run(self.folder).epochs

    @cached_property
    def scores(self) -> dict[str, Any]:
        """What ``scores.json`` holds; empty before the run is scored."""
        return read_run(self.folder).scores

    @property
    def best(self) -> dict[str, Any] | None:
        """The epoch that validation chose: the one with the highest PESQ
        (the first of equals); None before PESQ was computed."""
        scored = [e for e in self.epochs if "pesq" in e["valid"]]
        return max(scored, key=lambda e: e["valid"]["pesq"], default=None)

    @cached_property
    def student(self) -> nn.Module:
        """The student of the best epoch, in evaluation mode."""
        return open_model(self.folder)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the best student's weights, and the hashes of the
        manifests that the run has, by part."""
        paths = {part: self.settings.manifest(part) for part in PARTS}
        found = {
            f"{part}_manifest": manifest_hash(path)
            for part, path in paths.items()
            if path.is_file()
        }
        return {"student": state_hash(self.student), **found}
