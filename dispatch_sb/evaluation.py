"""From a trained student to scores and a report.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from dispatch_sb.data import (
    located_manifest,
    manifest_hash,
    read_audio,
    write_audio,
    write_pair_manifest,
)
from dispatch_sb.metrics import format_table, score_systems, write_scores
from dispatch_sb.provenance import describe_models, provenance
from dispatch_sb.report import build_report, save_overview
from dispatch_sb.teachers import load_teacher

logger = logging.getLogger(__name__)

DEBUG_UTTERANCES = 2


def enhance_entries(
    model: nn.Module,
    entries: Mapping[str, dict],
    folder: str | Path,
    device: str = "cpu",
    name: str = "model",
) -> dict[str, Path]:
    """Enhances noisy utterances, whole, one at a time.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in and out; put into eval mode.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.
    folder : str or Path
        Receives ``<id>.wav``, 32-bit float.
    device : str
        Where the model is.
    name : str
        Shown in the progress bar.

    Returns
    -------
    dict[str, Path]
        The file of each utterance.
    """
    model.eval()
    files = {}
    for key, entry in tqdm(entries.items(), desc=f"enhancing: {name}"):
        noisy = read_audio(entry["noisy_wav"])
        with torch.no_grad():
            enhanced = model(torch.as_tensor(noisy, device=device)[None])
        files[key] = Path(folder) / f"{key}.wav"
        write_audio(files[key], enhanced[0].float().cpu().numpy())
    return files


def score_models(
    models: Mapping[str, nn.Module],
    entries: Mapping[str, dict],
    output_folder: str | Path,
    device: str = "cpu",
    workers: int | None = None,
) -> dict:
    """Scores models, and the noisy input, on test utterances.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        For instance ``student`` and ``teacher``.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.
    output_folder : str or Path
        Receives ``enhanced/<name>/<id>.wav``, and ``scores.jsonl``, from
        which an interrupted scoring goes on.
    device : str
        Where the models are.
    workers : int, optional
        Processes that score; one per CPU if None.

    Returns
    -------
    dict
        See `dispatch_sb.metrics.score_systems`.
    """
    folder = Path(output_folder) / "enhanced"
    enhanced = {
        name: enhance_entries(model, entries, folder / name, device, name)
        for name, model in models.items()
    }
    items = []
    for key, entry in entries.items():
        systems = {"noisy": entry["noisy_wav"]}
        systems.update({name: str(enhanced[name][key]) for name in models})
        clean = entry["clean_wav"]
        items.append({"id": key, "clean": clean, "systems": systems})
    journal = Path(output_folder) / "scores.jsonl"
    return score_systems(items, workers=workers, journal=journal)


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
    folder = Path(hparams["output_folder"])
    entries = located_manifest(hparams["test_manifest"], data_root)
    if brain.debug:
        folder = folder / "debug"
        entries = dict(list(entries.items())[:DEBUG_UTTERANCES])
    models = {"student": hparams["student"]}
    if brain.distils:
        models["teacher"] = hparams["teacher"]
    about = describe_run(models, hparams)
    scores = read_scores(folder / "scores.json", about)
    if scores is None:
        scores = score_models(
            models, entries, folder, brain.device, hparams["workers"]
        )
        write_scores(scores, folder / "scores.json", **about, **provenance())
    print(format_table(scores))
    page = build_report(
        folder,
        hparams["test_manifest"],
        data_root,
        distillation_loss=hparams.get("distillation_loss"),
        examples=hparams["examples"],
        title="Distillation report" if brain.distils else "Training report",
    )
    if brain.distils:
        save_overview(
            folder,
            hparams["test_manifest"],
            data_root,
            hparams["distillation_loss"],
            folder / "overview.png",
        )
    print(f"Scores: {folder / 'scores.json'}\nReport: {page}")
    return scores


def evaluate_folders(
    source: str,
    clean_folder: str | Path,
    noisy_folder: str | Path,
    output_folder: str | Path,
    revision: str | None = None,
    device: str = "cpu",
    workers: int | None = None,
) -> dict:
    """Scores a pretrained model on two folders of files of equal names.

    Arguments
    ---------
    source : str
        A model's folder or hub id.
    clean_folder, noisy_folder : str or Path
        16 kHz mono files.
    output_folder : str or Path
        Receives the manifest, the enhanced files and ``scores.json``.
    revision : str, optional
        Of a hub id.
    device : str
        Where the model runs.
    workers : int, optional
        Processes that score; one per CPU if None.

    Returns
    -------
    dict
        What ``scores.json`` holds; the model is its ``student``.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    """
    folder = Path(output_folder)
    manifest = folder / "manifests" / "test.json"
    root = Path(clean_folder).resolve().parent
    write_pair_manifest(clean_folder, noisy_folder, manifest, root)
    models = {"student": load_teacher(source, revision, device=device)}
    entries = located_manifest(manifest, root)
    scores = score_models(models, entries, folder, device, workers)
    about = {
        "source": str(source),
        "revision": revision,
        "test_manifest_hash": manifest_hash(manifest),
        **describe_models(models),
    }
    write_scores(scores, folder / "scores.json", **about, **provenance())
    return {**scores, **about}


def describe_run(models: Mapping[str, nn.Module], hparams: Mapping) -> dict:
    """What decides a run's scores, so that stale ones are noticed.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        The models that are scored.
    hparams : Mapping
        The recipe.

    Returns
    -------
    dict
        Plain values for ``scores.json``.
    """
    return {
        "method": hparams["method"],
        "seed": hparams["seed"],
        "teacher_source": hparams.get("teacher_source"),
        "teacher_revision": hparams.get("teacher_revision"),
        "test_manifest_hash": manifest_hash(hparams["test_manifest"]),
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
