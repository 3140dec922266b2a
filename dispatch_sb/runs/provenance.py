"""What a result came from: versions, and the identity of models.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
import platform
from collections.abc import Mapping
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


def describe_models(models: Mapping[str, nn.Module]) -> dict:
    """Size and identity of models.

    Arguments
    ---------
    models : Mapping[str, torch.nn.Module]
        Any models, by name.

    Returns
    -------
    dict
        ``parameters`` and ``weights_sha256`` by name.

    Example
    -------
    >>> describe_models({"gain": nn.Linear(1, 1, bias=False)})["parameters"]
    {'gain': 1}
    """
    return {
        "parameters": {
            name: sum(p.numel() for p in model.parameters())
            for name, model in models.items()
        },
        "weights_sha256": {
            name: state_hash(model) for name, model in models.items()
        },
    }
