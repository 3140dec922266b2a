"""A finished run becomes a model folder with its card.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path

from dispatch_sb.data.audio import read_audio
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.card import model_card
from dispatch_sb.sharing.claims import (
    check_card,
    check_scores,
    named_folders,
    unknown_data,
)
from dispatch_sb.sharing.example import median_example
from dispatch_sb.sharing.facts import facts_of_run

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
    run = _recorded(run_folder)
    about = _known_keys(about or {})
    check_card(about, run)
    scores = scores or _own_scores(run)
    check_scores(scores, run)
    about.pop("weights_sha256", None)
    data = _data(about, run)
    card = facts_of_run(run)
    example = example or about.pop("example", None)
    if example is None:
        name, example = median_example(run)
        card["credit"] = _credit(run, name)
    card |= {key: value for key, value in about.items() if value}
    card |= {"name": card.get("name", Path(folder).name), "data": data}
    seeds = {body["seed"] for body in scores.values() if "seed" in body}
    readme = model_card(**{"seeds": sorted(seeds), **card, "scores": scores})
    noisy = read_audio(example, run.student.sample_rate)
    return save(run.student, folder, readme, noisy)


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


def _recorded(run_folder: str | os.PathLike) -> Run:
    """A run that knows what it was made of."""
    run = Run.open(run_folder)
    if not run.corpus:
        raise ValueError(
            f"{run.folder / 'run.json'} is missing, or does not name data, "
            "teacher and command: give the training's command (of an earlier "
            "version, the first line of hyperparams.yaml) again with "
            "--test_only, which writes it without training again."
        )
    return run


def _data(about: Mapping, run: Run) -> list[Mapping]:
    """What the card says of the data: what a person wrote, and what the run
    knows besides."""
    written, unknown = about.get("data") or [], unknown_data(run)
    if unknown and not written:
        raise ValueError(_what_to_write(run))
    if written and not unknown:
        return written
    named = named_folders(written)
    return [
        *written,
        *(
            entry
            for entry in run.corpus["data"]
            if entry not in unknown and entry["folder"] not in named
        ),
    ]


def _credit(run: Run, name: str) -> str:
    """Whose sound a test file is; empty where only a person knows."""
    credit = run.corpus.get("credit", "")
    by = credit if isinstance(credit, str) else credit.get(name)
    return f"`example.wav` is {name} of {by}." if by else ""


def _own_scores(run: Run) -> dict[str, dict]:
    """The run's own scores under the name of its test set."""
    if not run.scores:
        raise FileNotFoundError(
            f"{run.folder / 'scores.json'} is missing or damaged: let the "
            "training finish, give its command again with --test_only, or "
            "name other scores with --scores."
        )
    return {run.corpus["test_set"]: run.scores}


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


def _what_to_write(run: Run) -> str:
    """One sentence, and a card file to fill in."""
    unknown = unknown_data(run)
    entries = "".join(TEMPLATE_ENTRY.format(**entry) for entry in unknown)
    folders = [entry["folder"] for entry in unknown]
    return (
        "The card lacks data: a model is not shared without naming the data "
        "that it learned from, and their licences, which only you know "
        f"({', '.join(folders)}). Write them into a file, for example "
        f"card.yaml, and give it with --card:\n\n{TEMPLATE}{entries}"
    )
