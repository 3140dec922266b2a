"""A pretrained folder's files become a network with its weights, all of them.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.checkpoints import get_default_hook
from speechbrain.utils.parameter_transfer import (
    DEFAULT_TRANSFER_HOOKS,
    Pretrainer,
)
from torch import nn

from dispatch_sb.models.interface import load_weights
from dispatch_sb.pretrained.adapters import (
    adapt,
    guess_interface,
    sample_rate_of,
)
from dispatch_sb.pretrained.plain_data import build_own as build_own
from dispatch_sb.pretrained.plain_data import load_own, read_config
from dispatch_sb.pretrained.sources import EXPECTED, Finder


def load_model(find: Finder, source: str, kind: str = "Teacher") -> nn.Module:
    """Builds the network of a pretrained folder and loads its weights.

    Our own models (``config.json`` has ``"model"``) are built from their class
    and arguments, without executing the YAML. For SpeechBrain's folders the
    YAML is executed: it is code, load only what you trust.

    Arguments
    ---------
    find : callable
        File name to path, None for a file that is not there.
    source : str
        Where the files come from, for messages.
    kind : str
        What messages call it.

    Returns
    -------
    torch.nn.Module
        Waveforms in, waveforms out (or a tuple that begins with them), with an
        attribute ``sample_rate`` in Hz where the folder states it.

    Raises
    ------
    FileNotFoundError
        If a file that is needed is not there.
    ValueError
        If the files contradict each other, or the interface is unknown.
    """
    try:
        config = read_config(find("config.json"))
        if "model" in config:
            return load_own(config["model"], find)
        return _load_speechbrain(config.get("speechbrain_interface"), find)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{kind} {source}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{kind} {source}: {error}") from error


def _load_speechbrain(interface: str | None, find: Finder) -> nn.Module:
    """A network from SpeechBrain's ``hyperparams.yaml`` and ``.ckpt`` files."""
    hparams = _execute_yaml(_needed(find, "hyperparams.yaml"))
    for key in ("modules", "pretrainer"):
        if key not in hparams:
            raise ValueError(f'hyperparams.yaml has no "{key}": {EXPECTED}')
    interface = interface or guess_interface(hparams)
    if interface is None:
        raise ValueError(
            "neither config.json nor the modules "
            f"{sorted(hparams['modules'])} of hyperparams.yaml say which "
            'interface it has: add {"speechbrain_interface": '
            '"WaveformEnhancement"} (or another) as config.json'
        )
    model = adapt(interface, hparams)
    load_pretrained(hparams["pretrainer"], find)
    _check_covered(model, hparams["pretrainer"])
    rate = sample_rate_of(hparams)
    if rate is not None:
        model.sample_rate = rate
    return model


def _execute_yaml(path: Path) -> dict:
    """What a ``hyperparams.yaml`` constructs."""
    try:
        with open(path, encoding="utf-8") as stream:
            hparams = load_hyperpyyaml(stream)
    except Exception as error:  # YAML that is code raises anything
        raise ValueError(
            f"{path} does not load ({type(error).__name__}: {error}): check "
            "it, and that the installed SpeechBrain has what it names"
        ) from error
    if not isinstance(hparams, dict):
        raise ValueError(f"{path} holds no keys: {EXPECTED}")
    return hparams


def load_pretrained(pretrainer: Pretrainer, find: Finder) -> None:
    """Loads what a ``Pretrainer`` lists, networks strictly.

    ``Pretrainer.load_collected`` itself only warns of missing keys. Objects
    with a loading hook of their own are loaded by it.

    Arguments
    ---------
    pretrainer : speechbrain.utils.parameter_transfer.Pretrainer
        From a ``hyperparams.yaml``. Of its ``paths`` only the file names
        count: every file comes from the model's own folder and revision.
    find : callable
        File name to path.
    """
    plain = DEFAULT_TRANSFER_HOOKS[nn.Module]
    for name, target in pretrainer.loadables.items():
        if not pretrainer.is_loadable(name):
            continue
        file = str(pretrainer.paths.get(name, f"{name}.ckpt"))
        path = _needed(find, file.rsplit("/", maxsplit=1)[-1])
        hook = pretrainer.custom_hooks.get(name)
        hook = hook or get_default_hook(target, DEFAULT_TRANSFER_HOOKS)
        if hook is plain:
            load_weights(target, path)
        elif hook is not None:
            hook(target, path)
        else:
            raise ValueError(
                f"the pretrainer cannot load {name!r}, a "
                f"{type(target).__name__}: give it an entry in custom_hooks"
            )


def _check_covered(model: nn.Module, pretrainer: Pretrainer) -> None:
    """Raises if the pretrainer leaves some of the weights as initialised."""
    loaded = {
        id(parameter)
        for target in pretrainer.loadables.values()
        if isinstance(target, nn.Module)
        for parameter in target.parameters()
    }
    random = [
        name
        for name, parameter in model.named_parameters()
        if id(parameter) not in loaded
    ]
    if random:
        raise ValueError(
            "no file holds the weights of "
            f"{', '.join(random)}: list their network among the loadables of "
            "the pretrainer in hyperparams.yaml"
        )


def _needed(find: Finder, name: str) -> Path:
    """The path of a file that must be there."""
    path = find(name)
    if path is None:
        raise FileNotFoundError(f"{name} is missing: {EXPECTED}.")
    return path
