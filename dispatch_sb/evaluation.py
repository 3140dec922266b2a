"""From a trained student to scores and a report.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from speechbrain.utils.distributed import (
    if_main_process,
    is_distributed_initialized,
)
from torch import nn
from tqdm import tqdm

from dispatch_sb.data import (
    located_manifest,
    manifest_hash,
    probe,
    read_audio,
    sha256_of,
    write_audio,
    write_pair_manifest,
)
from dispatch_sb.data.freshness import digest
from dispatch_sb.data.words import read_words
from dispatch_sb.metrics import (
    chosen_metrics,
    format_table,
    score_systems,
)
from dispatch_sb.publish.open import open_model
from dispatch_sb.recognition.settings import word_error_settings
from dispatch_sb.recognition.word_errors import check_word_errors, score_words
from dispatch_sb.report import build_report, save_overview
from dispatch_sb.runs.provenance import describe_models, provenance
from dispatch_sb.runs.run import Run

logger = logging.getLogger(__name__)

DEBUG_UTTERANCES = 2
SAMPLE_RATE = 16000  # Hz


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


def recordings_of(
    teacher: nn.Module, entries: Mapping[str, dict]
) -> dict[str, Path] | None:
    """The recording of each utterance by a teacher that does not run.

    Arguments
    ---------
    teacher : torch.nn.Module
        Its ``live`` is False; it may have
        ``recording_of(noisy_path) -> Path | None``.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.

    Returns
    -------
    dict[str, Path] or None
        By id; None unless every utterance has one as long as its noisy file.
    """
    find = getattr(teacher, "recording_of", None)
    if find is None:
        return None
    files = {}
    for key, entry in entries.items():
        path = find(entry["noisy_wav"])
        if path is None or probe(path) != probe(entry["noisy_wav"]):
            return None
        files[key] = Path(path)
    return files


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
        Waveforms ``[1, samples]`` in and out; put into eval mode. One whose
        ``live`` is False is not run: its recordings are read.
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
    recorded = None
    if not getattr(model, "live", True):
        recorded = recordings_of(model, entries)
    model.eval()
    files = {}
    bar = tqdm(entries.items(), f"enhancing: {name}", disable=None)
    for key, entry in bar:
        files[key] = Path(folder) / f"{key}.wav"
        if recorded is None:
            enhanced = _enhance(model, read_audio(entry["noisy_wav"]), device)
        else:
            enhanced = read_audio(recorded[key])
        write_audio(files[key], enhanced)
    return files


@torch.no_grad()
def _enhance(model, noisy, device):
    """One waveform ``[samples]`` through a model."""
    enhanced = model(torch.as_tensor(noisy, device=device)[None])
    return enhanced[0].float().cpu().numpy()


def score_models(
    models: Mapping[str, nn.Module],
    entries: Mapping[str, dict],
    output_folder: str | Path,
    device: str = "cpu",
    workers: int | None = None,
    wer: Mapping | str | None = None,
    metrics: str | Sequence[str] | None = None,
    scores_cache: str | Path | None = None,
) -> dict:
    """Scores models, and the noisy input, on test utterances.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        For instance ``student`` and ``teacher``. One whose ``live`` is False
        has recordings of all entries, see `recordings_of`.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.
    output_folder : str or Path
        Receives ``enhanced/<name>/<id>.wav``.
    device : str
        Where the models are.
    workers : int, optional
        Processes that score; one per CPU if None.
    wer : Mapping or str, optional
        Recogniser for word error rates, see `dispatch_sb.recognition.settings`.
    metrics : str or sequence of str, optional
        See `dispatch_sb.metrics.chosen_metrics`.
    scores_cache : str or Path, optional
        File in which scores are kept and found again by the files' content,
        from whichever run; ``scores.jsonl`` in the folder if None.

    Returns
    -------
    dict
        See `dispatch_sb.metrics.score_systems`, and
        `dispatch_sb.recognition.word_errors.score_words` if ``wer`` is given.
    """
    metrics = chosen_metrics(metrics)
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
    journal = scores_cache or Path(output_folder) / "scores.jsonl"
    scores = score_systems(items, workers, metrics, journal=journal)
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
    metrics: str | Sequence[str] | None = None,
    scores_cache: str | Path | None = None,
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
    metrics : str or sequence of str, optional
        See `dispatch_sb.metrics.chosen_metrics`.
    scores_cache : str or Path, optional
        As for `score_models`.

    Returns
    -------
    dict
        What ``scores.json`` holds; the model is its ``student``.

    Raises
    ------
    ManifestError
        Lists everything that is wrong with the files.
    ValueError
        If the model is of another sample rate, a metric is unknown, or nothing
        says what the words are of which the errors are wanted.
    """
    metrics = chosen_metrics(metrics)
    folder = Path(output_folder)
    manifest = folder / "manifests" / "test.json"
    root = Path(clean_folder).resolve().parent
    texts = {} if words is None else read_words(words)
    write_pair_manifest(clean_folder, noisy_folder, manifest, root, words=texts)
    check_word_errors(wer, manifest)
    models = {"student": _open_at(SAMPLE_RATE, source, revision, device)}
    entries = located_manifest(manifest, root)
    scores = score_models(
        models,
        entries,
        folder,
        device,
        workers,
        wer,
        metrics,
        scores_cache,
    )
    about = {
        "source": str(source),
        "revision": revision,
        "test_manifest_hash": manifest_hash(manifest),
        **describe_models(models),
    }
    Run(folder).write_scores(scores, {**about, **provenance()})
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
