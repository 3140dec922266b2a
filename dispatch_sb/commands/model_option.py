"""`--model`, for commands whose arguments are the user's audio.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import os
from collections.abc import Callable

MODEL_VARIABLE = "DISPATCH_SB_MODEL"


def model_loader(options: dict) -> Callable:
    """What loads the model that was asked for.

    Arguments
    ---------
    options : dict
        By name; the model's (see ``enhance`` in the table) are taken out.

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

    names = "model", "revision", "device", "trust_remote_code"
    model, revision, device, trusted = map(options.pop, names)
    source = model or os.environ.get(MODEL_VARIABLE)
    if not source:
        raise ValueError(
            "which model? Give --model a run's folder, a model's folder or "
            f"a hub id, or set {MODEL_VARIABLE} to it."
        )
    check_device(device)
    return functools.partial(
        load, source, revision, device, trust_remote_code=trusted
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
