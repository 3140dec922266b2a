"""Our own models as folders in the hub's layout, which SpeechBrain's
``WaveformEnhancement`` loads too: written whole or not at all, and read from
plain data, of which nothing is executed.

Authors
 * The dispatch-sb contributors, 2026
"""

import glob
import importlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from torch import nn

from dispatch_sb.data.audio import RATES, write_audio
from dispatch_sb.data.files import abandoned, flush, held
from dispatch_sb.data.value_checks import (
    FLAG,
    NUMBER,
    STRING,
    block,
    block_of,
    either,
    list_of,
    number,
    or_null,
    read_json,
)
from dispatch_sb.models.interface import (
    load_state,
    load_weights,
    no_larger_than,
)
from dispatch_sb.pretrained.sources import Finder

MODELS = "dispatch_sb.models"
SAFETENSORS = "model.safetensors"
CHECKPOINT = "enhance_model.ckpt"
SAVING = ".saving-"  # in the name of a hidden folder beside one that is saved
FILES = (
    "hyperparams.yaml",
    CHECKPOINT,
    SAFETENSORS,
    "config.json",
    "README.md",
    "example.wav",
)

SMALL = 1 << 25  # bytes that any model may take
LARGEST = 1 << 13  # channels, samples of a frame: usual ones have 2,048
SIZE = either(number(f"[0, {LARGEST}]", whole=True), FLAG)
SIZES = block_of(either(SIZE, list_of(SIZE)))
RATE = number(f"[{RATES[0]}, {RATES[-1]}]", whole=True)
HOP = number(f"[8, {LARGEST}]", whole=True)
RATE = block({}, {"sample_rate": RATE, "hop": HOP})
DESCRIPTION = block(
    {},
    {
        "arguments": lambda x: RATE(x) or SIZES({**x, "sample_rate": 0}),
        "recommended_keep": or_null(either(NUMBER, STRING)),
    },
)
CONFIG = block({}, {"speechbrain_interface": or_null(STRING)})

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


def save(
    model: nn.Module,
    folder: str | os.PathLike,
    card: str,
    example=None,
) -> Path:
    """Writes a model with its card: all files, or none.

    The folder is built beside its place and then moved there, so that an
    interruption leaves the old one whole. A process that is killed at the
    instant between two moves leaves it in a hidden folder beside its place,
    from where the next one takes it. Other files of an existing folder are
    kept.

    Arguments
    ---------
    model : torch.nn.Module
        Of ``dispatch_sb.models``, with ``config`` (the JSON-able arguments of
        its constructor) and ``sample_rate``; a ``recommended_keep``, how
        much of the noise is to stay in dB, goes along.
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
    >>> path = save(FastEnhancer.from_size("T"), folder, "# Tiny")
    >>> sorted(file.name for file in path.iterdir())
    ['README.md', 'config.json', 'enhance_model.ckpt', 'hyperparams.yaml',
     'model.safetensors']
    """
    description = _described(model)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: name a folder.")
    recipe, own = folder / "hyperparams.yaml", folder / "config.json"
    is_run = recipe.exists() and not own.exists()
    if is_run or Path.cwd().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{folder} is a run, or holds the folder that you are in, and "
            "cannot be replaced: name another."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy_up(folder)
    prefix = f".{folder.name}{SAVING}"
    place = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    building, old = place / "new", place / "old"
    try:
        with held(place):
            if folder.is_dir():
                # Also the folder's mode; what is ours there is replaced.
                shutil.copytree(folder, building, symlinks=True)
                for name in FILES:
                    (building / name).unlink(missing_ok=True)
            building.mkdir(exist_ok=True)
            _write_files(building, model, description, card, example)
            for path in (*building.rglob("*"), building):
                if not path.is_symlink():
                    flush(path)
            if folder.exists():
                os.replace(folder, old)
            os.replace(building, folder)
            flush(folder.parent)
    except OSError as error:
        error.filename = os.fspath(folder)  # and not where it is built
        raise
    finally:
        _restore(folder, old)
        shutil.rmtree(place, ignore_errors=True)
    return folder


def load_own(
    description: Mapping[str, Any],
    find: Finder,
    files: Sequence[str] = (SAFETENSORS, CHECKPOINT),
) -> nn.Module:
    """Builds one of our models and loads its weights.

    A file of weights holds no hash: that names, types and shapes are the
    model's is checked, but not that each number is the one that was saved.

    Arguments
    ---------
    description : mapping
        ``"model"`` of its ``config.json``:
        ``{"class": "dispatch_sb.models.Name", "arguments": {...}}``.
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
        If the class is not a network of ``dispatch_sb.models``, or arguments
        or weights are not its own.

    Example
    -------
    >>> load_own({"class": "os.system", "arguments": {}}, Path)
    Traceback (most recent call last):
    ...
    ValueError: ...'os.system' is not a model of dispatch_sb.models...
    """
    if wrong := DESCRIPTION(description):
        said = getattr(description, "get", str)("class")
        raise ValueError(f'config.json: "model" ({said}) should hold {wrong}')
    path = next(filter(None, map(find, files)), None)
    if path is None:
        raise FileNotFoundError(
            f"{' or '.join(files)} is missing: download the model again, or "
            "export it again with today's dispatch-sb, which writes it."
        )
    model = _built(description, path)
    model.recommended_keep = description.get("recommended_keep")
    if path.name == CHECKPOINT:
        load_weights(model, path)
    else:
        load_state(model, _tensors(path), path)
    _try_out(model)
    return model


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The content of a safetensors file."""
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:  # the library's, and what lies in a header
        raise ValueError(
            f"{path} is damaged or no safetensors file ({error}): download or "
            "export it again."
        ) from error


@torch.no_grad()
def _try_out(model: nn.Module) -> None:
    """Refuses arguments that fit the weights, but make no model that runs."""
    silence = torch.zeros(1, 1000)
    try:
        fits = model.eval()(silence).shape == silence.shape
    except Exception as error:  # arguments of any kind
        raise ValueError(
            f"config.json: the model does not run with these arguments "
            f"({error})"
        ) from error
    if not fits:
        raise ValueError("config.json: its output is not as long as its input")
    model.train()


def read_config(path: Path | None) -> dict:
    """Reads ``config.json``.

    Arguments
    ---------
    path : pathlib.Path or None
        The file.

    Returns
    -------
    dict
        Nothing if there is no file.

    Raises
    ------
    ValueError
        If it is damaged.

    Example
    -------
    >>> read_config(None)
    {}
    """
    if path is None:
        return {}
    return read_json(path, CONFIG)


def _tidy_up(folder: Path) -> None:
    """Removes what a process has left that was killed while it saved."""
    pattern = f".{glob.escape(folder.name)}{SAVING}*"
    for place in abandoned(folder.parent, pattern):
        _restore(folder, place / "old")
        shutil.rmtree(place, ignore_errors=True)


def _restore(folder: Path, old: Path) -> None:
    """Puts a folder back that has been moved away, and no new one there."""
    if old.exists() and not folder.exists():
        os.replace(old, folder)


def _described(model: nn.Module) -> dict:
    """What ``config.json`` says of a model: enough to build it again."""
    name = f"{MODELS}.{type(model).__name__}"
    if _own_class(name) is not type(model):
        name = f"{type(model).__module__}.{type(model).__qualname__}"
    if _own_class(name) is not type(model) or not hasattr(model, "config"):
        raise ValueError(
            f"{name} is not one of {MODELS} with a config: only those can be "
            "loaded again from their folder."
        )
    said = {"class": name, "arguments": model.config}
    if getattr(model, "recommended_keep", None) is not None:
        said["recommended_keep"] = model.recommended_keep
    # Through JSON, so that the YAML beside it holds the very same values.
    return json.loads(json.dumps(said))


def _built(description: Mapping, weights: Path) -> nn.Module:
    """One of our models, with fresh weights: no more than the file of weights
    holds, so that a wrong number does not fill the memory."""
    path = str(description.get("class"))
    model_class = _own_class(path)
    if model_class is None:
        raise ValueError(
            f"config.json: the class {path!r} is not a model of {MODELS}: "
            "update dispatch-sb, or load a SpeechBrain folder without "
            '"model" in its config.json'
        )
    try:
        with no_larger_than(max(weights.stat().st_size, SMALL)):
            return model_class(**description.get("arguments", {}))
    except Exception as error:  # arguments of any kind
        raise ValueError(
            f"config.json: {path} does not take these arguments ({error})"
        ) from error


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
    content = io.BytesIO()  # of a file torch does not tell why it is refused
    torch.save(state, content)
    (building / CHECKPOINT).write_bytes(content.getbuffer())
    # For `load_student`, and for everyone who does not unpickle.
    tensors = safetensors.torch.save(state, metadata={"format": "pt"})
    (building / SAFETENSORS).write_bytes(tensors)
    if example is not None:
        samples = torch.as_tensor(example).detach().cpu().float().numpy()
        write_audio(
            building / "example.wav", samples, model.sample_rate, "PCM_16"
        )
