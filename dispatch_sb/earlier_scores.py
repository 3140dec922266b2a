"""Scores that are there already: of the same models, test set and settings,
or stale.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from dispatch_sb.data import manifest_hash, sha256_of
from dispatch_sb.data.freshness import digest
from dispatch_sb.metrics import chosen_metrics
from dispatch_sb.provenance import describe_models
from dispatch_sb.recognition.settings import word_error_settings

logger = logging.getLogger(__name__)


def describe_run(
    models: Mapping[str, nn.Module],
    hparams: Mapping,
    entries: Mapping[str, dict],
) -> dict:
    """What decides a run's scores, so that stale ones are noticed.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        The models that are scored.
    hparams : Mapping
        The recipe.
    entries : Mapping[str, dict]
        Of the test manifest by id.

    Returns
    -------
    dict
        Plain values for ``scores.json``.
    """
    wer = word_error_settings(hparams.get("wer"))
    origin = getattr(models.get("teacher"), "origin", {})
    return {
        "method": hparams["method"],
        "seed": hparams["seed"],
        "teacher_source": hparams.get("teacher_source"),
        "teacher_revision": hparams.get("teacher_revision"),
        "teacher_commit": origin.get("revision"),
        "test_manifest_hash": manifest_hash(hparams["test_manifest"]),
        "metrics": list(chosen_metrics(hparams["metrics"])),
        "teacher_recordings": _recordings_hash(models.get("teacher"), entries),
        "wer_settings": None if wer is None else wer.describe(),
        **describe_models(models),
    }


def read_scores(path: str | Path, about: Mapping) -> dict | None:
    """Reads earlier scores if they are of the same models and test set.

    Arguments
    ---------
    path : str or Path
        A ``scores.json`` that may not exist.
    about : Mapping
        From `describe_run`.

    Returns
    -------
    dict or None
        The scores, or None if there are none that fit.
    """
    path = Path(path)
    if not path.is_file():
        return None
    scores = json.loads(path.read_text(encoding="utf-8"))
    if any(scores.get(key) != value for key, value in about.items()):
        logger.info("%s is of other weights or another test set.", path)
        return None
    logger.info("%s is up to date: nothing is scored again.", path)
    return scores


def _recordings_hash(teacher, entries) -> str | None:
    """Identifies what a teacher that does not run once said."""
    if teacher is None or getattr(teacher, "live", True):
        return None
    paths = [teacher.recording_of(e["noisy_wav"]) for e in entries.values()]
    return digest([sha256_of(path) for path in paths])
