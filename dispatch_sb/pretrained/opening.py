"""Opens whatever a command is given as a model: a run, a folder, a hub id.

Authors
 * The dispatch-sb contributors, 2026
"""

import os

from torch import nn

from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.hub import third_party, try_out
from dispatch_sb.pretrained.loading import load_model
from dispatch_sb.pretrained.plain_data import read_config
from dispatch_sb.pretrained.sources import open_source
from dispatch_sb.runs.run import Run, is_run

SAMPLE_RATE = 16000  # Hz, of SpeechBrain's folders that state none


def open_model(
    source: str | os.PathLike,
    revision: str | None = None,
    device: str | None = None,
) -> nn.Module:
    """Loads an enhancement model from anything that holds one.

    Our own models execute nothing. The YAML of a run, and of a folder of
    SpeechBrain's own format, is code: open only what you trust.

    Arguments
    ---------
    source : str or path
        The ``output_folder`` of a training (its best student), a model's
        folder, a hub id, or one of ``load_teacher``'s other sources, such as
        ``"deepfilternet3"``.
    revision : str, optional
        Of a hub id: commit, tag or branch.
    device : str, optional
        Where to put the model, such as ``"cuda"``.

    Returns
    -------
    torch.nn.Module
        Noisy waveforms [batch, samples] in, enhanced ones of the same shape
        out, at ``model.sample_rate`` Hz; in evaluation mode. Our own models
        also have ``hop`` and ``latency``, in samples.

    Raises
    ------
    FileNotFoundError
        If there is no such thing, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not here yet.
    ImportError
        If the package that a source needs is not installed.
    ValueError
        If what is there cannot be used.

    Example
    -------
    >>> open_model("no/such/model")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/model, ...
    """
    model = third_party(source, SAMPLE_RATE)
    if model is not None:
        model = _as_waveform_model(model, source)
    elif is_run(source):
        model = Run.open(source).student
    else:
        # config.json first: of our own models no YAML is even downloaded.
        keys = ("config.json", "hyperparams.yaml")
        find, _ = open_source(source, revision, kind="model", keys=keys)
        model = load_model(find, str(source), kind="Model")
        if "model" not in read_config(find("config.json")):
            model = _as_waveform_model(model, source)
    return model.eval().to(device or "cpu")


def _as_waveform_model(model: nn.Module, source) -> nn.Module:
    """SpeechBrain's network with outputs as long and as loud as its inputs."""
    rate = getattr(model, "sample_rate", SAMPLE_RATE)
    forgets = try_out(model, rate, source)
    return FrozenTeacher(model, sample_rate=rate, match_level=forgets)
