"""What follows the last epoch: the best student is scored and reported.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from speechbrain.utils.distributed import (
    if_main_process,
    is_distributed_initialized,
)
from torch import nn

from dispatch_sb.data import located_manifest, manifest_hash, sha256_of
from dispatch_sb.data.freshness import digest
from dispatch_sb.report import build_report, save_overview
from dispatch_sb.runs.provenance import describe_models, provenance
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring import chosen_metrics, format_table
from dispatch_sb.scoring.evaluation import recordings_of, score_models
from dispatch_sb.scoring.word_settings import word_error_settings

logger = logging.getLogger(__name__)

DEBUG_UTTERANCES = 2


def leave_process_group() -> bool:
    """Ends the work that processes share: the main one goes on alone.

    What follows may take longer than a process group lets others wait.

    Returns
    -------
    bool
        Whether this is the main process; any other should end.

    Example
    -------
    >>> leave_process_group()
    True
    """
    main = if_main_process()
    if is_distributed_initialized():
        torch.distributed.destroy_process_group()
    return main


def evaluate_run(brain: Any, hparams: Mapping, data_root: str) -> dict:
    """Scores a run's best student, prints the table, writes the report.

    A run that was scored before, with the same weights and test set, is not
    scored again.

    Arguments
    ---------
    brain : DistillationBrain
        After `fit`; its best checkpoint by validation PESQ is loaded.
    hparams : Mapping
        The recipe.
    data_root : str
        Replaces ``{data_root}`` in the test manifest.

    Returns
    -------
    dict
        What ``scores.json`` holds.
    """
    brain.checkpointer.recover_if_possible(max_key="pesq")
    run = Run(Path(hparams["output_folder"]))
    entries = located_manifest(hparams["test_manifest"], data_root)
    if brain.debug:
        run = Run(run.folder / "debug")
        entries = dict(list(entries.items())[:DEBUG_UTTERANCES])
    models = {"student": hparams["student"]}
    if brain.distils:
        models |= _scored_teacher(hparams["teacher"], entries)
    about = describe_run(models, hparams, entries)
    scores = run.scores
    if scores and all(scores.get(key) == about[key] for key in about):
        logger.info("Scored already: the same weights, files and settings.")
    else:
        scores = score_models(
            models,
            entries,
            run.folder,
            brain.device,
            hparams["workers"],
            hparams.get("wer"),
            hparams["metrics"],
            hparams["scores_cache"],
        )
        run.write_scores(scores, {**about, **provenance()})
    if not brain.debug:
        run.note(weights_sha256=about["weights_sha256"])
    print(format_table(scores))
    page = build_report(
        run,
        distillation_loss=hparams.get("distillation_loss"),
        examples=hparams["examples"],
        title="Distillation report" if brain.distils else "Training report",
        test_files=entries,
    )
    if brain.distils:
        save_overview(
            run,
            hparams["distillation_loss"],
            run.folder / "overview.png",
            test_files=entries,
        )
    print(f"Scores: {run.folder / 'scores.json'}\nReport: {page}")
    return run.scores


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


def _recordings_hash(teacher, entries) -> str | None:
    """Identifies what a teacher that does not run once said."""
    if teacher is None or getattr(teacher, "live", True):
        return None
    paths = [teacher.recording_of(e["noisy_wav"]) for e in entries.values()]
    return digest([sha256_of(path) for path in paths])


def _scored_teacher(teacher, entries) -> dict[str, nn.Module]:
    """The teacher as a system, unless it can neither run nor be read."""
    if getattr(teacher, "live", True) or recordings_of(teacher, entries):
        return {"teacher": teacher}
    logger.info("The teacher is not scored: it has no output for every file.")
    return {}
