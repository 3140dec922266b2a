"""A finished run becomes a model folder with its card.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from torch import nn

from dispatch_sb.data.audio import read_audio
from dispatch_sb.data.value_checks import BLOCK, list_of
from dispatch_sb.enhance import NoiseFloor
from dispatch_sb.models.interface import state_hash
from dispatch_sb.pretrained import save
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.card import model_card
from dispatch_sb.sharing.example import median_example
from dispatch_sb.sharing.facts import facts_of_run

# What a person may write; all else on a card is the run's.
KEYS = ("name", "description", "licence", "limits", "data")
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


def export_run(
    run_folder: str | os.PathLike,
    folder: str | os.PathLike,
    about: Mapping | None = None,
    scores: Mapping[str, Mapping] | None = None,
    example: str | os.PathLike | None = None,
    keep: float | str | None = None,
    trust_remote_code: bool = False,
) -> Path:
    """Writes a run's student as a model folder.

    Arguments
    ---------
    run_folder : str or os.PathLike
        The ``output_folder`` of a training.
    folder : str or os.PathLike
        Written or replaced.
    about : Mapping, optional
        What only a person knows: ``name``, ``description``, ``licence`` and
        ``limits`` of the model, and ``data``, of the data that are not known
        here: a list of ``name`` and ``licence`` each, perhaps ``use`` and
        ``url``, and ``folder``, which of the run's folders that is.
    scores : Mapping, optional
        Name of a test set to what its ``scores.json`` holds; by default the
        run's own.
    example : str or os.PathLike, optional
        A noisy file for others to try the model on; by default the median
        test utterance.
    keep : float or str, optional
        How much of the noise the model recommends to leave, see `NoiseFloor`.
    trust_remote_code : bool
        As for `dispatch_sb.pretrained.load`.

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
        template of what to write), says what the run knows itself, or the
        scores are of other weights.
    """
    floor = NoiseFloor(keep)
    run = Run.open(run_folder, trust_remote_code)
    _check_recorded(run)
    written = {"name": Path(folder).name, **_written(about or {}, run)}
    scores = scores or _own_scores(run)
    _check_scores(scores, run)
    facts = facts_of_run(run)
    if example is None:
        name, example = median_example(run)
        facts["credit"] = _credit(run, name)
    card = model_card(**{**facts, **written}, scores=scores)
    noisy = read_audio(example, run.student.sample_rate)
    student = run.student
    student.recommended_keep = floor.keep if floor.gain else None
    return save(student, folder, card, noisy)


def _check_recorded(run: Run) -> None:
    """Refuses a run that does not know what it was made of."""
    needed = {"method", "seed", "command", "corpus"} - run.record.keys()
    needed |= {"data", "test_set"} - run.corpus.keys()
    if needed:
        raise ValueError(
            f"{run.folder / 'run.json'} is missing, or does not name "
            f"{', '.join(sorted(needed))}: give the training's command (of an "
            "earlier version, the first line of hyperparams.yaml) again with "
            "--test_only, which writes it without training again."
        )


def _written(about: Mapping, run: Run) -> dict:
    """What a person wrote, its data complete; raises a list of all that is
    not theirs to write."""
    if not isinstance(about, Mapping):
        raise ValueError(
            "A card must hold keys and values, as in `description: ...`; got "
            f"a {type(about).__name__}."
        )
    unknown = [entry for entry in run.corpus["data"] if "licence" not in entry]
    problems = [
        f"{key} is none of its keys, {', '.join(KEYS)}: leave it out, the "
        "rest comes from the run, or from --example and --scores."
        for key in about
        if key not in KEYS
    ]
    problems += [
        f"{key} is {about[key]!r}: give a text."
        for key in KEYS[:-1]
        if not isinstance(about.get(key) or "", str)
    ]
    data = about.get("data") or []
    problems += _data_problems(data, [entry["folder"] for entry in unknown])
    if problems:
        lines = "\n".join(f"- {problem}" for problem in problems)
        raise ValueError(
            "A card says what the run does not know, and no more of "
            f"{run.folder}:\n{lines}"
        )
    if unknown and not data:
        raise ValueError(_what_to_write(unknown))
    known = [entry for entry in run.corpus["data"] if "licence" in entry]
    # An empty licence is refused later; other empty keys stand for the usual.
    given = {key: about[key] for key in about if about[key] or key == "licence"}
    return {**given, "data": [*data, *known]}


def _data_problems(entries, unknown: list[str]) -> Iterator[str]:
    """Data that the run did not have or knows itself, and data left out."""
    if not entries:
        return
    if list_of(BLOCK)(entries):
        yield "data must be a list of entries with folder, name and licence."
        return
    if not unknown:
        yield "data: the run knows its data and their licences: leave them out."
        return
    named = set()
    for entry in entries:
        folders = entry.get("folder") or []
        folders = [folders] if isinstance(folders, str) else folders
        named |= {PurePath(folder).name for folder in folders}
    for folder in sorted(named - set(unknown)):
        yield (
            f"data: {folder} is none of the folders that only you know, "
            f"{', '.join(unknown)}."
        )
    for folder in sorted(set(unknown) - named if named else ()):
        yield f"data: it says nothing about {folder}."


def _what_to_write(unknown: list[Mapping]) -> str:
    """One sentence, and a card file to fill in."""
    entries = "".join(TEMPLATE_ENTRY.format(**entry) for entry in unknown)
    folders = ", ".join(entry["folder"] for entry in unknown)
    return (
        "The card lacks data: a model is not shared without naming the data "
        "that it learned from, and their licences, which only you know "
        f"({folders}). Write them into a file, for example card.yaml, and "
        f"give it with --card:\n\n{TEMPLATE}{entries}"
    )


def _own_scores(run: Run) -> dict[str, dict]:
    """The run's own scores under the name of its test set."""
    if not run.scores:
        raise FileNotFoundError(
            f"{run.folder / 'scores.json'} is missing or damaged: let the "
            "training finish, give its command again with --test_only, or "
            "name other scores with --scores."
        )
    return {run.corpus["test_set"]: run.scores}


def _check_scores(scores: Mapping[str, Mapping], run: Run) -> None:
    """Refuses scores of other weights than those of the run."""
    as_teacher = nn.ModuleDict({"model": run.student})
    scored = run.scores.get("weights_sha256", {})
    known = {system: [sha256] for system, sha256 in scored.items()}
    # As they are known by themselves, and as those of a teacher.
    known["student"] = [state_hash(run.student), state_hash(as_teacher)]
    for test_set, body in scores.items():
        for system, scored in body.get("weights_sha256", {}).items():
            true = known.get(system)
            if true and scored not in true:
                raise ValueError(
                    f"The scores on {test_set} are of other weights: the run's "
                    f"best {system} has {true[0][:12]}..., they have "
                    f"{scored[:12]}... Give the training's command again with "
                    "--test_only, or score this model."
                )


def _credit(run: Run, name: str) -> str:
    """Whose sound a test file is; empty where only a person knows."""
    credit = run.corpus.get("credit", "")
    by = credit if isinstance(credit, str) else credit.get(name)
    return f"`example.wav` is {name} of {by}." if by else ""
