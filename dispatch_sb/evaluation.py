"""From a trained student to scores and a report.

Authors
 * The dispatch-sb contributors, 2026
"""

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
from dispatch_sb.data.words import read_words
from dispatch_sb.earlier_scores import describe_run, read_scores
from dispatch_sb.metrics import format_table, score_systems, write_scores
from dispatch_sb.provenance import describe_models, provenance
from dispatch_sb.publish.open import open_model
from dispatch_sb.recognition.settings import word_error_settings
from dispatch_sb.recognition.word_errors import check_word_errors, score_words
from dispatch_sb.report import build_report, save_overview

DEBUG_UTTERANCES = 2
SAMPLE_RATE = 16000  # Hz


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
    wer: Mapping | str | None = None,
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
    wer : Mapping or str, optional
        Recogniser for word error rates, see `dispatch_sb.recognition.settings`.

    Returns
    -------
    dict
        See `dispatch_sb.metrics.score_systems`, and
        `dispatch_sb.recognition.word_errors.score_words` if ``wer`` is given.
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
    scores = score_systems(items, workers=workers, journal=journal)
    settings = word_error_settings(wer)
    if settings is None:
        return scores
    return score_words(scores, entries, output_folder, settings, device)


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
            models,
            entries,
            folder,
            brain.device,
            hparams["workers"],
            hparams.get("wer"),
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
    wer: Mapping | str | None = None,
    words: str | Path | None = None,
) -> dict:
    """Scores a pretrained model on two folders of files of equal names.

    Arguments
    ---------
    source : str
        A run's folder, a model's folder or a hub id.
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
    wer : Mapping or str, optional
        Recogniser for word error rates, see `dispatch_sb.recognition.settings`.
    words : str or Path, optional
        What is said, see `dispatch_sb.data.words.read_words`.

    Returns
    -------
    dict
        What ``scores.json`` holds; the model is its ``student``.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    ValueError
        If the model is of another sample rate, or nothing says what the words
        are of which the errors are wanted.
    """
    folder = Path(output_folder)
    manifest = folder / "manifests" / "test.json"
    root = Path(clean_folder).resolve().parent
    texts = {} if words is None else read_words(words)
    write_pair_manifest(clean_folder, noisy_folder, manifest, root, words=texts)
    check_word_errors(wer, manifest)
    models = {"student": _open_at(SAMPLE_RATE, source, revision, device)}
    entries = located_manifest(manifest, root)
    scores = score_models(models, entries, folder, device, workers, wer)
    about = {
        "source": str(source),
        "revision": revision,
        "test_manifest_hash": manifest_hash(manifest),
        **describe_models(models),
    }
    write_scores(scores, folder / "scores.json", **about, **provenance())
    return {**scores, **about}


def _open_at(rate: int, source: str, revision: str | None, device: str):
    """A model of that sample rate."""
    model = open_model(source, revision, device)
    if model.sample_rate != rate:
        raise ValueError(
            f"The model {source} is for {model.sample_rate} Hz, these files "
            f"have {rate} Hz: give a model for {rate} Hz."
        )
    return model
