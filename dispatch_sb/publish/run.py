"""A finished run becomes a model folder with its card.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path

from speechbrain.utils.checkpoints import Checkpointer
from torch import nn

from dispatch_sb.data.audio import read_audio
from dispatch_sb.models.interface import load_weights
from dispatch_sb.publish.card import model_card
from dispatch_sb.publish.claims import check_card, check_scores
from dispatch_sb.publish.corpora import (
    TEST_SETS,
    corpus_of,
    credit_of_example,
    training_data,
    unknown_folders,
)
from dispatch_sb.publish.example import median_example
from dispatch_sb.publish.facts import facts_of_run, scores_of_run
from dispatch_sb.publish.folder import write_model_folder
from dispatch_sb.publish.settings import Settings, read_settings

TEMPLATE = """\
licence: apache-2.0  # of the weights
description:  # what the model is, and for whom; empty for a standard one
data:
"""
TEMPLATE_ENTRY = """\
    - folder: {folder}
      name:  # of the corpus
      licence:  # for example CC BY 4.0
      use: {use}
"""

NOT_WRITTEN = {"scores", "system"}  # arguments of a card that runs give


def student_of_run(run_folder: str | os.PathLike) -> nn.Module:
    """Builds a run's student with the weights of its best epoch.

    Only the student is constructed, not the teacher or anything else. Load
    only runs that you trust: their YAML can name any code.

    Arguments
    ---------
    run_folder : str or os.PathLike
        The ``output_folder`` of a training.

    Returns
    -------
    torch.nn.Module
        In eval mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If the folder holds no run, or no checkpoint with validation PESQ.
    """
    settings = read_settings(run_folder)
    saved = settings.folder / "save"
    checkpoint = Checkpointer(saved).find_checkpoint(max_key="pesq")
    if checkpoint is None:
        raise FileNotFoundError(
            f"{saved} holds no checkpoint that was validated by PESQ: train "
            "to the end, or at least for pesq_every epochs."
        )
    student = settings.build("student")
    load_weights(student, checkpoint.paramfiles["student"])
    return student.eval()


def export_run(
    run_folder: str | os.PathLike,
    folder: str | os.PathLike,
    about: Mapping | None = None,
    scores: Mapping[str, Mapping] | None = None,
    example: str | os.PathLike | None = None,
) -> Path:
    """Writes a run's student as a model folder.

    Arguments
    ---------
    run_folder : str or os.PathLike
        The ``output_folder`` of a training.
    folder : str or os.PathLike
        Written or replaced.
    about : Mapping, optional
        What only a person knows, or knows better than the run: any argument
        of ``model_card``, ``example``, and ``weights_sha256`` of the weights
        that it is about. Of a run on data that are not known here, ``data`` is
        needed: a list of ``name`` and ``licence`` each, and ``folder``, which
        of the run's folders that is.
    scores : Mapping, optional
        Name of a test set to what its ``scores.json`` holds; by default the
        run's own.
    example : str or os.PathLike, optional
        A noisy file for others to try the model on; by default the median
        test utterance.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no run, no scores, or the example's file is not found.
    ValueError
        If the card would lack what its readers rely on (the message holds a
        template of what to write), contradicts the run, or the scores are of
        other weights.
    """
    settings = read_settings(run_folder)
    about = _known_keys(about or {})
    student = student_of_run(run_folder)
    check_card(about, settings, student)
    scores = scores or _own_scores(settings)
    check_scores(scores, student, scores_of_run(settings.folder))
    about.pop("weights_sha256", None)
    data = about.get("data") or training_data(settings)
    if not data:
        raise ValueError(_what_to_write(settings))
    card = facts_of_run(settings, student)
    example = example or about.pop("example", None)
    if example is None:
        name, example = median_example(settings)
        card["credit"] = credit_of_example(settings, name)
    card |= {key: value for key, value in about.items() if value}
    card |= {"name": card.get("name", Path(folder).name), "data": data}
    seeds = {body["seed"] for body in scores.values() if "seed" in body}
    readme = model_card(**{"seeds": sorted(seeds), **card, "scores": scores})
    noisy = read_audio(example, student.sample_rate)
    return write_model_folder(student, folder, readme, noisy)


def read_scores(pairs: list[str]) -> dict[str, dict]:
    """Reads the scores of several test sets.

    Arguments
    ---------
    pairs : list of str
        ``NAME=PATH`` each, the path of a ``scores.json``.

    Returns
    -------
    dict
        What each file holds, by name.

    Raises
    ------
    ValueError
        If an argument has no ``=``, or a file is no JSON.
    FileNotFoundError
        If there is no such file.
    """
    scores = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} must be NAME=PATH_OF_SCORES_JSON.")
        try:
            scores[name] = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}).") from error
    return scores


def _own_scores(settings: Settings) -> dict[str, dict]:
    """The run's own scores under the name of its test set."""
    scores = scores_of_run(settings.folder)
    if not scores:
        raise FileNotFoundError(
            f"{settings.folder / 'scores.json'} is missing: let the training "
            "finish, give its command again with --test_only, or name other "
            "scores with --scores."
        )
    return {TEST_SETS[corpus_of(settings)]: scores}


def _known_keys(about: Mapping) -> dict:
    """What a person wrote, without keys that no card has."""
    if not isinstance(about, Mapping):
        raise ValueError(
            "A card must hold keys and values, as in `description: ...`; got "
            f"a {type(about).__name__}."
        )
    known = set(inspect.signature(model_card).parameters) - NOT_WRITTEN
    known |= {"example", "weights_sha256"}
    wrong = sorted({str(key) for key in about} - known)
    if wrong:
        raise ValueError(
            f"A card has no {', '.join(wrong)}; its keys are "
            f"{', '.join(sorted(known))}."
        )
    return dict(about)


def _what_to_write(settings: Settings) -> str:
    """One sentence, and a card file to fill in."""
    folders = unknown_folders(settings)
    entries = "".join(
        TEMPLATE_ENTRY.format(folder=folder, use=use)
        for folder, use in folders.items()
    )
    return (
        "The card lacks data: a model is not shared without naming the data "
        "that it learned from, and their licences, which only you know "
        f"({', '.join(folders)}). Write them into a file, for example "
        f"card.yaml, and give it with --card:\n\n{TEMPLATE}{entries}"
    )
