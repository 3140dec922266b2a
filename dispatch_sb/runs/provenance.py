"""What a result came from: versions, and the identity of models.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib import metadata

from torch import nn

from dispatch_sb.models.interface import state_hash

PACKAGES = ("dispatch-sb", "speechbrain", "torch", "pesq", "pystoi", "numpy")


def provenance() -> dict:
    """When and with which versions a result was made.

    Returns
    -------
    dict
        ``date`` (ISO, UTC), ``python`` and ``versions``.
    """
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "date": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions,
    }


def command_line(script: str, arguments: Sequence[str]) -> str:
    """The command that trains a run, and goes on with it.

    Arguments
    ---------
    script : str
        File name of the recipe's script.
    arguments : sequence of str
        What followed it; ``--test_only`` is left out.

    Returns
    -------
    str
        One line for a shell.

    Example
    -------
    >>> command_line("train.py", ["a.yaml", "--seed", "3", "--test_only"])
    'python train.py a.yaml --seed 3'
    """
    kept = [word for word in arguments if word != "--test_only"]
    return shlex.join(["python", script, *kept])


def identify_teacher(
    teacher: nn.Module, source: str | None, revision: str | None = None
) -> dict:
    """Whom a student learns from.

    Arguments
    ---------
    teacher : torch.nn.Module
        Its ``origin``, if it has one, names the commit that was loaded; the
        ``note`` of a recorded one, what was recorded.
    source : str or None
        Folder or hub id, as it was asked for.
    revision : str, optional
        Likewise.

    Returns
    -------
    dict
        ``source``, ``revision``, ``commit``, ``weights_sha256`` (None where
        there are no weights), and ``recording_sha256`` of recordings.

    Example
    -------
    >>> told = identify_teacher(nn.Identity(), "lab/big", "v1")
    >>> told["source"], told["revision"], told["weights_sha256"]
    ('lab/big', 'v1', None)
    """
    origin = getattr(teacher, "origin", {})
    own = state_hash(teacher) if teacher.state_dict() else None
    recorded = getattr(teacher, "note", {}).get("made_with", {})
    source = recorded.get("source") or source or origin.get("source")
    return {
        "source": None if source is None else str(source),
        "revision": revision,
        "commit": recorded.get("revision") or origin.get("revision"),
        "weights_sha256": recorded.get("weights_sha256", own),
        "recording_sha256": origin.get("recording_sha256"),
    }


def describe_models(models: Mapping[str, nn.Module]) -> dict:
    """Size and identity of models.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        Any models, by name.

    Returns
    -------
    dict
        ``weights_sha256`` by name, and ``parameters`` of those that have some:
        of a recorded teacher nobody knows them.

    Example
    -------
    >>> describe_models({"gain": nn.Linear(1, 1, bias=False)})["parameters"]
    {'gain': 1}
    """
    return {
        "parameters": {
            name: count
            for name, model in models.items()
            if (count := sum(p.numel() for p in model.parameters()))
        },
        "weights_sha256": {
            name: state_hash(model) for name, model in models.items()
        },
    }
