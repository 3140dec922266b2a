"""What is checked before a push asks any server: the name, and that the folder
is a whole model which says what it is.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
from pathlib import Path

import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.utils import HFValidationError, validate_repo_id

from dispatch_sb.teachers.own import (
    CHECKPOINT,
    SAFETENSORS,
    load_own,
    read_config,
)
from dispatch_sb.teachers.sources import LocalFolder

NEEDED = (
    "config.json",
    SAFETENSORS,
    "hyperparams.yaml",
    CHECKPOINT,
    "README.md",
)
REFERENCE = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


def check_name(name: str) -> None:
    """Raises if a model on the hub cannot be called so.

    Arguments
    ---------
    name : str
        ``USER/NAME``.

    Raises
    ------
    ValueError
        If it has not that form.

    Example
    -------
    >>> check_name("lab/small-enhancer")
    >>> check_name("small-enhancer")
    Traceback (most recent call last):
    ...
    ValueError: 'small-enhancer' is no hub id: it must be USER/NAME, ...
    """
    if name.count("/") != 1:
        raise ValueError(
            f"{name!r} is no hub id: it must be USER/NAME, such as "
            f"USER/{name.strip('/').rpartition('/')[2] or 'small'}."
        )
    try:
        if not name.isascii():  # which older clients let pass
            raise HFValidationError(name)
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(
            f"{name!r} is no hub id: letters, digits, '-', '_' and '.' are "
            "allowed, at most 96, no '--' or '..', no '-' or '.' at an end, "
            "and no '.git' at the end."
        ) from error


def check_reference(reference: str, what: str) -> None:
    """Raises if git would not take a tag or branch of that name.

    Arguments
    ---------
    reference : str
        The tag or branch.
    what : str
        ``tag`` or ``branch``, for the message.

    Raises
    ------
    ValueError
        If it holds anything but letters, digits, ``-``, ``_`` and ``.``, or
        looks like a commit.

    Example
    -------
    >>> check_reference("v1.0", "tag")
    """
    taken = re.fullmatch(r"[0-9a-f]{40}", reference)
    wrong = ".." in reference or reference.endswith((".", ".lock"))
    if taken or wrong or not REFERENCE.fullmatch(reference):
        raise ValueError(
            f"{reference!r} cannot be a {what}: use letters, digits, '-', '_' "
            "and '.', such as v1.0."
        )


def check_model_folder(folder: str | os.PathLike) -> None:
    """Raises if a folder is no complete model folder.

    Arguments
    ---------
    folder : str or os.PathLike
        As ``dispatch-sb export`` writes it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        With all that is missing or wrong.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> (folder / "README.md").write_text("# Small") > 0
    True
    >>> check_model_folder(folder)
    Traceback (most recent call last):
    ...
    ValueError: ...config.json is missing; ...README.md names no licence...
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}: make one with `dispatch-sb export`."
        )
    problems = [*_missing(folder), *_of_card(folder / "README.md")]
    # Weights can only be judged with all that describes them.
    problems = problems or _of_weights(folder)
    if problems:
        raise ValueError(
            f"{folder} is no complete model folder: {'; '.join(problems)}. "
            "Write it anew with `dispatch-sb export`."
        )


def files_to_push(folder: str | os.PathLike) -> dict[str, Path]:
    """The files of a folder that are pushed: all but the hidden ones.

    Arguments
    ---------
    folder : str or os.PathLike
        A model folder.

    Returns
    -------
    dict
        Name on the hub to path here, sorted by name.
    """
    folder = Path(folder)
    names = {
        path.relative_to(folder): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        name.as_posix(): path
        for name, path in names.items()
        if not any(part.startswith((".", "__")) for part in name.parts)
    }


def _missing(folder: Path) -> list[str]:
    """What of the needed files is not there."""
    problems = []
    for name in NEEDED:
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size == 0:
            problems.append(f"{name} is empty")
    return problems


def _of_card(path: Path) -> list[str]:
    """What a card lacks in its machine-readable head."""
    if not path.is_file() or path.stat().st_size == 0:
        return []
    try:
        head = ModelCard(path.read_text(encoding="utf-8")).data
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        return [f"the head of README.md cannot be read ({why})"]
    problems = []
    if not head.get("license"):
        problems.append("README.md names no licence (license: in its head)")
    if not head.get("eval_results"):
        problems.append("README.md has no scores (model-index: in its head)")
    return problems


def _of_weights(folder: Path) -> list[str]:
    """Why the weights do not fit their description, if they do not."""
    try:
        description = read_config(folder / "config.json").get("model")
    except ValueError as error:
        return [str(error)]
    if description is None:
        return ["config.json describes no model of dispatch-sb"]
    problems, states = [], []
    for name in (SAFETENSORS, CHECKPOINT):
        try:
            with torch.random.fork_rng(devices=[]):
                model = load_own(description, LocalFolder(folder), [name])
            states.append(model.state_dict())
        except ValueError as error:
            problems.append(str(error).rstrip("."))
    if problems:
        return list(dict.fromkeys(problems))
    first, second = states
    if all(torch.equal(first[key], second[key]) for key in first):
        return []
    return [f"{SAFETENSORS} and {CHECKPOINT} hold different weights"]
