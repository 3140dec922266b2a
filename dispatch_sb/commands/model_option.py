"""`--model`, for commands whose arguments are the user's audio.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import os
from collections.abc import Callable

MODEL_VARIABLE = "DISPATCH_SB_MODEL"


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`, `--revision`, `--device` and `--trust_remote_code`.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of the sub-command.
    """
    parser.add_argument(
        "--model",
        help="a run's folder, a model's folder, or a hub id; default: the "
        f"environment variable {MODEL_VARIABLE}",
    )
    parser.add_argument("--revision", help="of a hub id: commit, tag or branch")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_trust_argument(parser)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust_remote_code`.

    Arguments
    ---------
    parser : argparse.ArgumentParser
        Of the sub-command.
    """
    parser.add_argument(
        "--trust_remote_code",
        action="store_true",
        help="let the YAML of a run, or of a folder of SpeechBrain's own "
        "format, run any code that it names; default: what is no known "
        "network is refused",
    )


def model_loader(arguments: argparse.Namespace) -> Callable:
    """What loads the model that was asked for.

    Arguments
    ---------
    arguments : argparse.Namespace
        With the options of `add_model_arguments`.

    Returns
    -------
    callable
        Picklable, returns the model in eval mode.

    Raises
    ------
    ValueError
        If there is no model, or no such device.
    """
    from dispatch_sb.pretrained import load

    source = arguments.model or os.environ.get(MODEL_VARIABLE)
    if not source:
        raise ValueError(
            "which model? Give --model a run's folder, a model's folder or "
            f"a hub id, or set {MODEL_VARIABLE} to it."
        )
    check_device(arguments.device)
    return functools.partial(
        load,
        source,
        arguments.revision,
        arguments.device,
        trust_remote_code=arguments.trust_remote_code,
    )


def check_device(name: str) -> None:
    """Raises ValueError unless torch can work on a device.

    Arguments
    ---------
    name : str
        The value of `--device`.
    """
    import torch

    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError) as error:
        said = str(error).split("\n")[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"there is no device {name} here ({said}): leave --device out."
        ) from error
