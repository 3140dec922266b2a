"""A model becomes a folder in the hub's layout, which ``load_student``,
``load_teacher`` and SpeechBrain's ``WaveformEnhancement`` all load.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import safetensors.torch
import torch
import yaml
from torch import nn

import dispatch_sb.models
from dispatch_sb.data.audio import write_audio

FILES = (
    "hyperparams.yaml",
    "enhance_model.ckpt",
    "model.safetensors",
    "config.json",
    "README.md",
    "example.wav",
)

HYPERPARAMS = """\
# Written by dispatch-sb. To load this folder with SpeechBrain:
# WaveformEnhancement.from_hparams(source="<this folder or its hub id>")
sample_rate: {sample_rate}

model: !new:{model_class}
{arguments}

enhance_model: !new:dispatch_sb.models.WaveformModel
    model: !ref <model>

modules:
    enhance_model: !ref <enhance_model>

audio_normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer
    sample_rate: !ref <sample_rate>

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        enhance_model: !ref <model>
    custom_hooks:
        enhance_model: !name:dispatch_sb.models.interface.load_weights
"""


def write_model_folder(
    model: nn.Module,
    folder: str | os.PathLike,
    card: str,
    example=None,
) -> Path:
    """Writes a model with its card: all files, or none.

    The folder is built beside its place and then moved there, so that an
    interruption leaves the old one whole. Other files of an existing folder
    are kept.

    Arguments
    ---------
    model : torch.nn.Module
        Of ``dispatch_sb.models``, with ``config`` (the JSON-able arguments of
        its constructor) and ``sample_rate``.
    folder : str or path
        Written or replaced.
    card : str
        The ``README.md``, see ``model_card``.
    example : torch.Tensor or numpy.ndarray, optional
        A noisy waveform [samples] for others to try the model on.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        If the model is not one of ``dispatch_sb.models``, which no one could
        load again.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> folder = getfixture("tmp_path") / "tiny"
    >>> path = write_model_folder(FastEnhancer.from_size("T"), folder, "# Tiny")
    >>> sorted(file.name for file in path.iterdir())
    ['README.md', 'config.json', 'enhance_model.ckpt', 'hyperparams.yaml',
     'model.safetensors']
    """
    description = describe(model)
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent)
    building = Path(building)
    try:
        building.chmod(0o755)  # mkdtemp's folders are private
        _keep_other_files(folder, building)
        _write_files(building, model, description, card, example)
        _move_into_place(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def describe(model: nn.Module) -> dict:
    """What ``config.json`` says of a model: enough to build it again.

    Arguments
    ---------
    model : torch.nn.Module
        Of ``dispatch_sb.models``.

    Returns
    -------
    dict
        ``{"class": "dispatch_sb.models.Name", "arguments": {...}}``.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> describe(FastEnhancer.from_size("T"))["class"]
    'dispatch_sb.models.FastEnhancer'
    """
    model_class = type(model)
    package = dispatch_sb.models.__name__
    inside = model_class.__module__.startswith(package + ".")
    if not inside or not hasattr(model, "config"):
        raise ValueError(
            f"{model_class.__module__}.{model_class.__qualname__} is not one "
            f"of {package} with a config: only those can be loaded again from "
            "their folder."
        )
    public = getattr(dispatch_sb.models, model_class.__name__, None)
    module = package if public is model_class else model_class.__module__
    # Through JSON, so that the YAML beside it holds the very same values.
    return json.loads(
        json.dumps(
            {
                "class": f"{module}.{model_class.__name__}",
                "arguments": model.config,
            }
        )
    )


def _write_files(building: Path, model, description, card, example) -> None:
    """Writes all files of the layout into a folder."""
    config = {
        "speechbrain_interface": "WaveformEnhancement",
        "model": description,
    }
    arguments = yaml.safe_dump(description["arguments"], sort_keys=False)
    hyperparams = HYPERPARAMS.format(
        sample_rate=model.sample_rate,
        model_class=description["class"],
        arguments="".join(f"    {line}\n" for line in arguments.splitlines()),
    )
    state = {
        key: value.detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    texts = {
        "hyperparams.yaml": hyperparams,
        "config.json": json.dumps(config, indent=2) + "\n",
        "README.md": card,
    }
    for name, text in texts.items():
        (building / name).write_text(text, encoding="utf-8")
    torch.save(state, building / "enhance_model.ckpt")
    # For `load_student`, and for everyone who does not unpickle.
    tensors = safetensors.torch.save(state, metadata={"format": "pt"})
    (building / "model.safetensors").write_bytes(tensors)
    if example is not None:
        samples = torch.as_tensor(example).detach().cpu().float().numpy()
        write_audio(
            building / "example.wav", samples, model.sample_rate, "PCM_16"
        )


def _keep_other_files(folder: Path, building: Path) -> None:
    """Copies what is in an existing folder and not ours to replace."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name in FILES:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, building / path.name, symlinks=True)
        else:
            shutil.copy2(path, building / path.name, follow_symlinks=False)


def _move_into_place(building: Path, folder: Path) -> None:
    """Renames the new folder to its place; the old one goes last."""
    old: Path | None = None
    if folder.exists():
        aside = tempfile.mkdtemp(prefix=building.name, dir=folder.parent)
        old = Path(aside)
        os.replace(folder, old)  # onto an empty folder
    try:
        os.replace(building, folder)
    except OSError:
        if old is not None:
            os.replace(old, folder)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
