"""A shared student, loaded without running anything that came with it.

Authors
 * The dispatch-sb contributors, 2026
"""

import os

import torch
from torch import nn

from dispatch_sb.pretrained.folder import SAFETENSORS, load_own, read_config
from dispatch_sb.pretrained.sources import naming, open_source


def load_student(
    source: str | os.PathLike,
    revision: str | None = None,
    savedir: str | os.PathLike | None = None,
    device: str | None = None,
) -> nn.Module:
    """Loads a model that ``dispatch-sb export`` wrote, from plain data alone.

    Only ``config.json`` and ``model.safetensors`` are read. They hold names,
    numbers and tensors; no YAML is executed, nothing is unpickled, and a class
    that is not a model of dispatch-sb is refused. The global random state is
    left as it was.

    Arguments
    ---------
    source : str or path
        A model's folder, or its hub id ``"user/name"``.
    revision : str, optional
        Of a hub id: commit (best), tag or branch.
    savedir : str or path, optional
        Where downloads are kept; by default ``huggingface_hub``'s cache.
    device : str, optional
        Where to put the model, such as ``"cuda"``.

    Returns
    -------
    torch.nn.Module
        Noisy waveforms [batch, samples] in, enhanced ones of the same shape
        out, at ``model.sample_rate`` Hz; in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or hub id, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not here yet.
    ValueError
        If the class is none of ours, or the weights are damaged or of another
        model.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> from dispatch_sb.pretrained import save
    >>> folder = getfixture("tmp_path") / "tiny"
    >>> path = save(FastEnhancer.from_size("T"), folder, "# Tiny")
    >>> load_student(folder)(torch.zeros(1, 16000)).shape
    torch.Size([1, 16000])
    """
    find, _ = open_source(source, revision, savedir, keys=("config.json",))
    with naming(source), torch.random.fork_rng(devices=[]):
        config = read_config(find("config.json"))
        if "model" not in config:
            raise ValueError(
                'its config.json describes no "model" of dispatch-sb; '
                "dispatch_sb.pretrained.load_teacher loads SpeechBrain's "
                "folders, and runs the code in their YAML"
            )
        model = load_own(config["model"], find, [SAFETENSORS])
    return model.eval().to(device or "cpu")
