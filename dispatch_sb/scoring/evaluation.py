"""From a trained student to scores and a report.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from dispatch_sb.data import (
    located_manifest,
    manifest_hash,
    probe,
    read_audio,
    write_audio,
    write_pair_manifest,
)
from dispatch_sb.data.disk import in_words, writable_folder
from dispatch_sb.data.words import read_words
from dispatch_sb.losses.all_processes import from_all, own_part
from dispatch_sb.pretrained import load
from dispatch_sb.pretrained.teacher import Teacher
from dispatch_sb.runs.provenance import describe_models, provenance
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring import chosen_metrics, score_systems
from dispatch_sb.scoring.journal import ScoreJournal
from dispatch_sb.scoring.word_errors import check_word_errors, score_words

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16000  # Hz


def recordings_of(
    teacher: nn.Module, entries: Mapping[str, dict]
) -> dict[str, Path] | None:
    """The recording of each utterance by a recorded teacher.

    Arguments
    ---------
    teacher : torch.nn.Module
        Any; a `Teacher` may have recordings.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.

    Returns
    -------
    dict[str, Path] or None
        By id; None unless every utterance has one as long as its noisy file.
    """
    if not isinstance(teacher, Teacher):
        return None
    files = {}
    for key, entry in entries.items():
        path = teacher.recording_of(entry["noisy_wav"])
        try:
            if path is None or probe(path) != probe(entry["noisy_wav"]):
                return None
        except (OSError, ValueError):
            pass  # one that cannot be read is told where it is read
        files[key] = Path(path)
    return files


@torch.no_grad()
def enhance_entries(
    model: nn.Module,
    entries: Mapping[str, dict],
    folder: str | Path,
    device: str = "cpu",
    name: str = "model",
) -> dict[str, Path]:
    """Enhances noisy utterances, whole, one at a time. One that cannot be
    read is named in a warning, and left out.

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
    recorded = recordings_of(model, entries)
    model.eval()
    files = {}
    for key, entry in tqdm(entries.items(), f"enhancing: {name}", disable=None):
        files[key] = Path(folder) / f"{key}.wav"
        try:
            signal = read_audio((recorded or {}).get(key, entry["noisy_wav"]))
        except (OSError, ValueError) as error:
            logger.warning("%s is not enhanced: %s", key, in_words(error))
            files[key].unlink(missing_ok=True)  # of an earlier scoring
            continue
        if recorded is None:
            noisy = torch.as_tensor(signal, device=device)
            signal = model(noisy[None])[0].float().cpu().numpy()
        write_audio(files[key], signal)
    return files


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

    Processes of one training share the utterances, and all get all scores.

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
        Recogniser for word error rates, see
        `dispatch_sb.scoring.word_settings`.
    metrics : str or sequence of str, optional
        See `dispatch_sb.scoring.chosen_metrics`.
    scores_cache : str or Path, optional
        File in which scores are kept and found again by the files' content,
        from whichever run; ``scores.jsonl`` in the folder if None.

    Returns
    -------
    dict
        See `dispatch_sb.scoring.score_systems`, and
        `dispatch_sb.scoring.word_errors.score_words` if ``wer`` is given.
    """
    metrics, folder = chosen_metrics(metrics), Path(output_folder)
    journal = scores_cache or folder / "scores.jsonl"
    ScoreJournal(journal)  # what is wrong with it, now
    own = dict(own_part([*entries.items()]))
    files = {"noisy": {key: entry["noisy_wav"] for key, entry in own.items()}}
    for name, model in models.items():
        target = folder / "enhanced" / name
        files[name] = enhance_entries(model, own, target, device, name)
    items = [
        {
            "id": key,
            "clean": entry["clean_wav"],
            "systems": {name: paths[key] for name, paths in files.items()},
        }
        for key, entry in own.items()
    ]

    def of_all(files):
        known = ChainMap(*from_all(files, True))
        return {key: known[key] for key in entries}

    scores = score_systems(
        items, workers, metrics, journal=journal, from_all=of_all
    )
    return score_words(scores, entries, folder, wer, device)


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
    trust_remote_code: bool = False,
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
        Recogniser for word error rates, see
        `dispatch_sb.scoring.word_settings`.
    words : str or Path, optional
        What is said, see `dispatch_sb.data.words.read_words`.
    metrics : str or sequence of str, optional
        See `dispatch_sb.scoring.chosen_metrics`.
    scores_cache : str or Path, optional
        As for `score_models`.
    trust_remote_code : bool
        As for `dispatch_sb.pretrained.load`; of the model, not the recogniser.

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
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: give 1 or more.")
    apart = [clean_folder, noisy_folder]
    folder = writable_folder(output_folder, make=False, apart=apart)
    if (folder / "run.json").exists():
        raise ValueError(
            f"{folder} holds a run, and its own scores: give another folder."
        )
    manifest = folder / "manifests" / "test.json"
    root = Path(clean_folder).resolve().parent
    texts = {} if words is None else read_words(words)
    write_pair_manifest(clean_folder, noisy_folder, manifest, root, words=texts)
    check_word_errors(wer, manifest)
    model = load(source, revision, device, trust_remote_code=trust_remote_code)
    if model.sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"The model {source} is for {model.sample_rate} Hz, these files "
            f"have {SAMPLE_RATE} Hz: give a model for {SAMPLE_RATE} Hz."
        )
    models = {"student": model}
    entries = located_manifest(manifest, root)
    scores = score_models(
        models, entries, folder, device, workers, wer, metrics, scores_cache
    )
    about = {
        "source": str(source),
        "revision": revision,
        "test_manifest_hash": manifest_hash(manifest),
        **describe_models(models),
    }
    Run(folder).write_scores(scores, {**about, **provenance()})
    return {**scores, **about}
