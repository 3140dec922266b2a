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

from dispatch_sb.data import (
    located_manifest,
    manifest_hash,
    probe,
    sha256_of,
)
from dispatch_sb.data.freshness import digest
from dispatch_sb.data.manifest import PAIR
from dispatch_sb.losses.all_processes import from_all
from dispatch_sb.report import build_report, save_overview
from dispatch_sb.runs.provenance import describe_models, provenance
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring import chosen_metrics, format_table
from dispatch_sb.scoring.evaluation import recordings_of, score_models
from dispatch_sb.scoring.word_errors import score_words
from dispatch_sb.scoring.word_settings import word_error_settings
from dispatch_sb.training.ranks import share_of_workers

logger = logging.getLogger(__name__)

DEBUG_UTTERANCES = 2
LOST = "unreadable"  # in scores.json: test files to be scored once they are


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
    scored again. Several processes share the scoring; then all but the main
    one are done.

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
        What ``scores.json`` holds; in all but the main process nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    """
    run = Run(Path(hparams["output_folder"]))
    _take_best(brain, run)
    learned_from = run.record.get("teacher")
    entries = located_manifest(hparams["test_manifest"], data_root, PAIR)
    if brain.debug:
        run = Run(run.folder / "debug")
        entries = dict(list(entries.items())[:DEBUG_UTTERANCES])
    models = {"student": hparams["student"]}
    heard: list[Path] = []
    if brain.distils:
        for name, teacher in _teachers(hparams["teacher"]).items():
            scored, recordings = _teacher(name, teacher, entries)
            models |= scored
            heard += recordings
    about = {
        **{key: hparams[key] for key in ("method", "seed")},
        "teacher_hash": digest([learned_from, *map(_hash_of, heard)]),
        **_what_decides(hparams, entries),
        **describe_models(models),
    }
    scored = about.items() <= run.scores.items()
    scored = scored and about.get(LOST) == run.scores.get(LOST)
    scores = None
    if not from_all(scored, patient=True)[0]:
        scores = score_models(
            models,
            entries,
            run.folder,
            brain.device,
            share_of_workers(hparams["workers"]),
            metrics=hparams["metrics"],
            scores_cache=hparams["scores_cache"],
        )
    if not leave_process_group():
        return {}
    if scores is None:
        logger.info("Scored already: the same weights, files and settings.")
    else:
        wer = hparams.get("wer")
        scores = score_words(scores, entries, run.folder, wer, brain.device)
        run.write_scores(scores, {**about, **provenance()})
    print(format_table(run.scores))
    loss = hparams.get("distillation_loss")
    title = "Distillation report" if brain.distils else "Training report"
    page = build_report(run, loss, hparams["examples"], title, entries)
    if brain.distils:
        save_overview(run, loss, run.folder / "overview.png", entries)
    print(f"Scores: {run.folder / 'scores.json'}\nReport: {page}")
    return run.scores


def _take_best(brain, run):
    """Loads the best checkpoint."""
    best = brain.checkpointer.recover_if_possible(max_key="pesq")
    if best is None and not brain.debug:
        raise FileNotFoundError(
            f"{run.checkpoints} holds no whole checkpoint that was validated "
            "by PESQ: give the command of the training, without --test_only."
        )
    brain.modules.eval()


def _teachers(teacher: nn.Module) -> dict[str, nn.Module]:
    """The teacher, or each of several, by the name of its scores."""
    several = getattr(teacher, "teachers", None)
    if several is None:
        return {"teacher": teacher}
    return {f"teacher_{n}": one for n, one in enumerate(several, start=1)}


def _teacher(
    name: str, teacher: nn.Module, entries: Mapping
) -> tuple[dict, list[Path]]:
    """A teacher as a system, unless it can neither run nor be read; and its
    recordings, where those are what it is."""
    if teacher.live:
        return {name: teacher}, []
    recordings = recordings_of(teacher, entries)
    if recordings:
        return {name: teacher}, list(recordings.values())
    logger.info(f"The {name} is not scored: it has no output for every file.")
    return {}, []


def _hash_of(path: Path) -> str:
    """Of a recording; empty if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _lost(entries: Mapping) -> dict[str, list[str]]:
    """The test files that cannot be scored now, if there are any."""
    lost = [key for key, entry in entries.items() if not _readable(entry)]
    return {LOST: lost} if lost else {}


def _readable(entry: Mapping) -> bool:
    """Whether the headers of a test file's noisy and clean version are."""
    try:
        return bool([probe(entry[key]) for key in ("noisy_wav", "clean_wav")])
    except (OSError, ValueError):
        return False


def _what_decides(hparams: Mapping, entries: Mapping) -> dict:
    """What of a recipe decides its scores, so that stale ones are noticed."""
    wer = word_error_settings(hparams.get("wer"))
    return {
        "test_manifest_hash": manifest_hash(hparams["test_manifest"]),
        "metrics": list(chosen_metrics(hparams["metrics"])),
        **_lost(entries),
        "wer_settings": None if wer is None else wer.describe(),
    }
