"""Our own models from plain data: a class of ours and its arguments from
``config.json``, tensors from a file. Nothing of it is executed.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from dispatch_sb.models.interface import load_state, load_weights
from dispatch_sb.pretrained.sources import EXPECTED, Finder

MODELS = "dispatch_sb.models"
SAFETENSORS = "model.safetensors"
CHECKPOINT = "enhance_model.ckpt"


def build_own(description: Mapping) -> nn.Module:
    """Builds one of our models from what its ``config.json`` says.

    Arguments
    ---------
    description : mapping
        ``{"class": "dispatch_sb.models.Name", "arguments": {...}}``.

    Returns
    -------
    torch.nn.Module
        With fresh weights.

    Raises
    ------
    ValueError
        If the class is not a network of ``dispatch_sb.models``, or does not
        take the arguments.

    Example
    -------
    >>> build_own({"class": "os.system", "arguments": {"command": "true"}})
    Traceback (most recent call last):
    ...
    ValueError: ...'os.system' is not a model of dispatch_sb.models...
    """
    path = str(description.get("class"))
    arguments = description.get("arguments", {})
    model_class = _own_class(path)
    if model_class is None:
        raise ValueError(
            f"config.json: the class {path!r} is not a model of {MODELS}: "
            "update dispatch-sb, or load a SpeechBrain folder without "
            '"model" in its config.json'
        )
    try:
        return model_class(**arguments)
    except (TypeError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise ValueError(
            f"config.json: {path} does not take these arguments ({error})"
        ) from error


def load_own(
    description: Mapping,
    find: Finder,
    files: Sequence[str] = (SAFETENSORS, CHECKPOINT),
) -> nn.Module:
    """Builds one of our models and loads its weights.

    Arguments
    ---------
    description : mapping
        See ``build_own``.
    find : callable
        File name to path, None for a file that is not there.
    files : sequence of str
        Where the weights may be; the first that is there counts.

    Returns
    -------
    torch.nn.Module
        In training mode, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is none of these files.
    ValueError
        If the description or the weights are not those of a model of ours.
    """
    if not isinstance(description, Mapping):
        raise ValueError('config.json: "model" must hold "class", "arguments"')
    found = ((name, find(name)) for name in files)
    name, path = next((pair for pair in found if pair[1]), (files[-1], None))
    if path is None:
        raise FileNotFoundError(f"{name} is missing: {EXPECTED}.")
    model = build_own(description)
    if name == SAFETENSORS:
        load_state(model, read_safetensors(path), path)
    else:
        load_weights(model, path)
    return model


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Reads the tensors of a safetensors file, which cannot hold code.

    Arguments
    ---------
    path : pathlib.Path
        The file.

    Returns
    -------
    dict
        Tensors by name, on the CPU.

    Raises
    ------
    ValueError
        If it is damaged, or no such file at all.

    Example
    -------
    >>> path = getfixture("tmp_path") / "model.safetensors"
    >>> _ = path.write_text("<html>")
    >>> read_safetensors(path)
    Traceback (most recent call last):
    ...
    ValueError: ...model.safetensors is damaged or no safetensors file ...
    """
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or no safetensors file ({error}): download or "
            "export it again."
        ) from error


def read_config(path: Path | None) -> dict:
    """Reads ``config.json``.

    Arguments
    ---------
    path : pathlib.Path or None
        The file.

    Returns
    -------
    dict
        Nothing if there is no file, or no object in it.

    Raises
    ------
    ValueError
        If it is not JSON.

    Example
    -------
    >>> read_config(None)
    {}
    """
    if path is None:
        return {}
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): repair it") from error
    return config if isinstance(config, dict) else {}


def _own_class(path: str) -> type | None:
    """The class of that dotted path if it is a network of ours, else None."""
    module_name, _, name = path.rpartition(".")
    if module_name != MODELS and not module_name.startswith(MODELS + "."):
        return None
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError:
        return None
    # Names that our modules merely import are not ours.
    is_network = isinstance(found, type) and issubclass(found, nn.Module)
    return found if is_network and found.__module__.startswith(MODELS) else None
