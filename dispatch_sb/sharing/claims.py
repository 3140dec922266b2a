"""What a card may not say: anything that contradicts the run it is about.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import ruamel.yaml
from torch import nn

from dispatch_sb.models.interface import state_hash
from dispatch_sb.runs.run import Run
from dispatch_sb.runs.settings import scalar
from dispatch_sb.sharing.facts import (
    describe_teacher,
    latency_ms,
    training_command,
)

SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def unknown_data(run: Run) -> list[dict[str, str]]:
    """The data of which only a person knows the licence.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    list of dict
        ``folder`` and ``use`` each.
    """
    return [entry for entry in run.corpus["data"] if "licence" not in entry]


def named_folders(entries: Sequence[Mapping]) -> set[str]:
    """The folders that the data of a card are about.

    Arguments
    ---------
    entries : sequence of mapping
        Each may have a ``folder``: one, or a list.

    Returns
    -------
    set of str
        Their last parts.

    Example
    -------
    >>> named_folders([{"folder": "/home/ann/talk"}, {"name": "VoiceBank"}])
    {'talk'}
    """
    given = [entry.get("folder") or [] for entry in entries]
    lists = [[some] if isinstance(some, str) else some for some in given]
    return {PurePath(folder).name for some in lists for folder in some}


def check_scores(scores: Mapping[str, Mapping], run: Run) -> None:
    """Refuses scores of other weights than those of a run.

    Arguments
    ---------
    scores : Mapping
        Name of a test set to what its ``scores.json`` holds.
    run : Run
        The run.

    Raises
    ------
    ValueError
        If the scores name weights, and these are not the student's, or not
        those of the run's teacher.
    """
    teacher = run.scores.get("weights_sha256", {}).get("teacher")
    known = {
        "student": _hashes(run.student),
        "teacher": [teacher] if teacher else [],
    }
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


def check_card(about: Mapping, run: Run) -> None:
    """Refuses what a person wrote of another run.

    Arguments
    ---------
    about : Mapping
        What a person wrote, see `dispatch_sb.sharing.release.export_run`.
    run : Run
        The run.

    Raises
    ------
    ValueError
        Lists, one a line, what the run knows otherwise: data and their
        licences, teacher, weights, seeds, command, rate and latency.
    """
    problems = [
        *_weights(about, run),
        *_numbers(about, run),
        *_teacher(about, run),
        *_command(about, run),
        *_data(about, run),
    ]
    if problems:
        raise ValueError(
            f"The card contradicts the run {run.folder}:\n"
            + "\n".join(f"- {problem}" for problem in problems)
        )


def _hashes(student: nn.Module) -> list[str]:
    """How weights are known: by themselves, and as those of a teacher."""
    as_teacher = nn.ModuleDict({"model": student})
    return [state_hash(student), state_hash(as_teacher)]


def _weights(about, run) -> Iterator[str]:
    """Hashes of weights that are not those of the run."""
    own = state_hash(run.student)
    known = set(run.scores.get("weights_sha256", {}).values())
    known |= set((run.teacher or {}).values())
    named = set(SHA256.findall(" ".join(map(str, about.values()))))
    for other in sorted(named - known - {own}):
        yield f"it names weights {other[:12]}..., the run has {own[:12]}...."


def _numbers(about, run) -> Iterator[str]:
    """Seeds, rate and latency."""
    true = {
        "seeds": [run.record["seed"]],
        "sample_rate": run.student.sample_rate,
        "latency_ms": latency_ms(run.student),
    }
    for key, value in true.items():
        if about.get(key) and about[key] != value:
            yield f"{key} is {about[key]} there, and {value} here."
    if "licence" in about and not about["licence"]:
        yield "licence is empty: choose one for the weights."


def _teacher(about, run) -> Iterator[str]:
    """A teacher that the run did not have."""
    text = about.get("teacher")
    if not text:
        return
    true = describe_teacher(run)
    if not true:
        yield "it names a teacher, the run had none."
        return
    source, sha256 = run.teacher["source"], run.teacher["weights_sha256"]
    names = [PurePath(source).name if source else None, sha256]
    if any(names) and not any(name and name in text for name in names):
        yield f"its teacher is not the run's. {true}"


def _command(about, run) -> Iterator[str]:
    """Settings in the command that are not those of the run."""
    try:
        words = shlex.split(str(about.get("command") or ""), comments=True)
    except ValueError as error:
        yield f"its command cannot be read ({error})."
        return
    true = _recipes(shlex.split(training_command(run)))
    for recipe in _recipes(words) - true:
        yield f"its command trains {recipe}, the run {', '.join(true)}."
    for key, written in _options(words):
        value = run.settings.plain.get(key)
        if key in run.settings.plain and not _same(written, value):
            yield f"its command has --{key} {written}, the run {value}."


def _options(words: list[str]) -> Iterator[tuple[str, Any]]:
    """Keys and values of a command, in the form --key value or --key=value."""
    reader = ruamel.yaml.YAML(typ="safe")
    for word, after in zip(words, [*words[1:], ""]):
        key, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            yield key, reader.load(value if equals else after)


def _recipes(words: list[str]) -> set[str]:
    """The recipe files of a command."""
    return {PurePath(word).name for word in words if word.endswith(".yaml")}


def _same(claim: Any, value: Any) -> bool:
    """Whether two settings are equal; of paths, their last parts."""
    if isinstance(claim, list) and isinstance(value, list):
        return len(claim) == len(value) and all(map(_same, claim, value))
    claim, value = scalar(claim), scalar(value)
    if isinstance(claim, str) and isinstance(value, str):
        return PurePath(claim).name == PurePath(value).name
    return claim == value


def _data(about, run) -> Iterator[str]:
    """Data that the run did not have, and data that the card leaves out."""
    entries = about.get("data") or []
    if isinstance(entries, str) or not all(
        isinstance(entry, Mapping) for entry in entries
    ):
        yield "data must be a list of entries with folder, name and licence."
        return
    folders = {entry["folder"] for entry in run.corpus["data"]}
    named = named_folders(entries)
    for folder in sorted(named - folders):
        yield (
            f"data: it names the folder {folder}, the run trained on "
            f"{', '.join(sorted(folders))}."
        )
    missing = sorted({e["folder"] for e in unknown_data(run)} - named)
    if named and missing:
        yield f"data: it says nothing about {', '.join(missing)}."
    if entries:
        yield from _corpus(entries, run)


def _corpus(entries, run) -> Iterator[str]:
    """Where the run knows its corpus: another one, or other licences."""
    if unknown_data(run):
        return
    true, title = run.corpus["data"], run.corpus["name"]
    for entry in entries:
        name = str(entry.get("name"))
        if title.lower() not in name.lower():
            yield f"data: it names {name!r}, the run trained on {title}."
    named = ", ".join(str(entry.get("licence")) for entry in entries)
    for licence in sorted({entry["licence"] for entry in true}):
        if licence not in named:
            yield f"data: {title} is {licence}, it says {named}."
