"""A model to be exported, with what its card says of it.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path
from typing import NamedTuple

import yaml
from huggingface_hub import ModelCard
from torch import nn

from dispatch_sb.pretrained import load
from dispatch_sb.pretrained.sources import open_source
from dispatch_sb.runs.run import Run, is_run
from dispatch_sb.sharing.example import median_example

UNKNOWN = "not stated"


class CardedModel(NamedTuple):
    """A model and what came with it.

    Arguments
    ---------
    model : torch.nn.Module
        In eval mode.
    name : str
        As its card says, or the last part of its source.
    licence : str
        As its card says, or "not stated".
    example : pathlib.Path or None
        Noisy speech: the folder's ``example.wav``, or the run's median test
        utterance; None if it is not there.
    """

    model: nn.Module
    name: str
    licence: str
    example: Path | None


def open_with_card(
    source: str | os.PathLike, revision: str | None = None
) -> CardedModel:
    """Loads a model as `load` does, with its card and example.

    Arguments
    ---------
    source : str or os.PathLike
        A run, a model's folder or a hub id.
    revision : str, optional
        Of a hub id.

    Returns
    -------
    CardedModel
        Model, name, licence, example.
    """
    model = load(source, revision)
    name = Path(source).resolve().name
    if is_run(source):
        return CardedModel(model, name, UNKNOWN, _example_of_run(source))
    find, _ = open_source(source, revision, kind="model")
    stated_name, licence = read_card(find("README.md"))
    return CardedModel(
        model, stated_name or name, licence or UNKNOWN, find("example.wav")
    )


def _example_of_run(source: str | os.PathLike) -> Path | None:
    """The run's own example, if its corpus is still there."""
    try:
        _, path = median_example(Run.open(source))
    except (OSError, ValueError, LookupError, StopIteration):
        return None  # another file can be named
    return path


def read_card(path: Path | None) -> tuple[str | None, str | None]:
    """Name and licence in the head of a model's card.

    Arguments
    ---------
    path : pathlib.Path or None
        The ``README.md``, if there is one.

    Returns
    -------
    tuple of str or None
        What the card says; a card that cannot be read says nothing.

    Example
    -------
    >>> path = getfixture("tmp_path") / "README.md"
    >>> _ = path.write_text("---\\nlicense: cc0-1.0\\n---\\n# Small")
    >>> read_card(path)
    (None, 'cc0-1.0')
    """
    if path is None:
        return None, None
    try:
        head = ModelCard(path.read_text(encoding="utf-8")).data
    except (ValueError, TypeError, KeyError, yaml.YAMLError):
        return None, None
    return head.get("model_name"), head.get("license")
