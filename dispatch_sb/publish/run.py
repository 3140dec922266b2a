"""A finished run becomes a model folder with its card.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import ruamel.yaml
import soundfile
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.checkpoints import Checkpointer
from torch import nn

from dispatch_sb.models.interface import load_weights
from dispatch_sb.publish.card import model_card
from dispatch_sb.publish.folder import write_model_folder


def load_student(run_folder: str | os.PathLike) -> nn.Module:
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
    folder = Path(run_folder)
    recipe = folder / "hyperparams.yaml"
    if not recipe.is_file():
        raise FileNotFoundError(
            f"{folder} is no run: it has no hyperparams.yaml. Give the "
            "output_folder of a training."
        )
    checkpoint = Checkpointer(folder / "save").find_checkpoint(max_key="pesq")
    if checkpoint is None:
        raise FileNotFoundError(
            f"{folder / 'save'} holds no checkpoint that was validated by "
            "PESQ: train to the end, or at least for pesq_every epochs."
        )
    tree = ruamel.yaml.YAML().load(recipe.read_text(encoding="utf-8"))
    text = io.StringIO()
    ruamel.yaml.YAML().dump({"student": tree["student"]}, text)
    student = load_hyperpyyaml(text.getvalue())["student"]
    load_weights(student, checkpoint.paramfiles["student"])
    return student.eval()


def export_run(
    run_folder: str | os.PathLike,
    folder: str | os.PathLike,
    about: Mapping,
    scores: Mapping[str, Mapping],
) -> Path:
    """Writes a run's student as a model folder.

    Arguments
    ---------
    run_folder : str or os.PathLike
        The ``output_folder`` of a training.
    folder : str or os.PathLike
        Written or replaced.
    about : Mapping
        What only a person knows: ``description``, ``data`` (a list of
        ``name`` and ``licence`` each), perhaps ``name``, ``licence``,
        ``command`` and ``example``, a noisy file.
    scores : Mapping
        Name of a test set to what its ``scores.json`` holds.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no run.
    ValueError
        If the card would lack description, data or scores.
    """
    missing = [key for key in ("description", "data") if not about.get(key)]
    if missing:
        raise ValueError(
            f"The card lacks {' and '.join(missing)}: a model is not shared "
            "without them."
        )
    about = {"name": Path(folder).name, **about}
    example = about.pop("example", None)
    seeds = sorted({body["seed"] for body in scores.values() if "seed" in body})
    student = load_student(run_folder)
    return write_model_folder(
        student,
        folder,
        model_card(scores=scores, seeds=seeds, **about),
        example=None if example is None else soundfile.read(example)[0],
    )


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
        If an argument has no ``=``.
    FileNotFoundError
        If there is no such file.
    """
    scores = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} must be NAME=PATH_OF_SCORES_JSON.")
        scores[name] = json.loads(Path(path).read_text(encoding="utf-8"))
    return scores
