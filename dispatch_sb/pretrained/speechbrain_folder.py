"""SpeechBrain's pretrained folders: what ``hyperparams.yaml`` describes is
built, its network gets all of its weights, and becomes a plain module,
waveforms [batch, samples] in and out, at the level of the input.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
import reprlib
from collections.abc import Mapping
from pathlib import Path

import torch
from speechbrain.utils.callchains import lengths_arg_exists
from speechbrain.utils.checkpoints import get_default_hook
from speechbrain.utils.parameter_transfer import (
    DEFAULT_TRANSFER_HOOKS,
    Pretrainer,
)
from torch import nn

from dispatch_sb.data.audio import RATES
from dispatch_sb.models.interface import load_weights
from dispatch_sb.pretrained.sources import EXPECTED, Finder
from dispatch_sb.runs.allow_list import FOLDER, REMEDY, build_allowed

# Modules and other keys that each interface reads; the first that a YAML has
# all of, is taken for its own.
NEEDED = {
    "SepformerSeparation": (("encoder", "masknet", "decoder"), ()),
    "SpectralMaskEnhancement": (
        ("enhance_model",),
        ("compute_stft", "spectral_magnitude", "resynth"),
    ),
    "WaveformEnhancement": (("enhance_model",), ()),
}


class SpectralMaskModel(nn.Module):
    """``SpectralMaskEnhancement.enhance_batch`` without peak normalisation.

    A mask on the log1p magnitude; the phase is the noisy one.

    Arguments
    ---------
    enhance_model : torch.nn.Module
        log1p magnitudes [batch, frames, bins] to a mask of the same shape;
        called with ``lengths`` if its forward takes that.
    compute_stft : callable
        Waveforms to spectra [batch, frames, bins, 2].
    spectral_magnitude : callable
        Spectra to magnitudes.
    resynth : callable
        (magnitudes, noisy waveforms) to waveforms. If it knows
        ``normalize_wavs``, that is switched off: normalised to a peak of 1,
        the teacher would differ from the clean speech by its level alone.
    """

    def __init__(
        self, enhance_model, compute_stft, spectral_magnitude, resynth
    ):
        super().__init__()
        self.enhance_model = enhance_model
        self.compute_stft = compute_stft
        self.spectral_magnitude = spectral_magnitude
        self.resynth = resynth
        normalizes = "normalize_wavs" in inspect.signature(resynth).parameters
        self.level_option = {"normalize_wavs": False} if normalizes else {}
        self.takes_lengths = lengths_arg_exists(enhance_model.forward)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """[batch, samples] to [batch, samples]."""
        magnitude = self.spectral_magnitude(self.compute_stft(noisy))
        features = torch.log1p(magnitude)  # (B, T, F)
        if self.takes_lengths:
            whole = torch.ones(len(noisy), device=noisy.device)
            mask = self.enhance_model(features, lengths=whole)
        else:
            mask = self.enhance_model(features)
        enhanced = torch.expm1(mask * features)
        return self.resynth(enhanced, noisy, **self.level_option)


class SeparationModel(nn.Module):
    """``SepformerSeparation.separate_batch`` for one source: enhancement.

    The division by the maximum, which ``separate_file`` adds, is left out.

    Arguments
    ---------
    encoder : torch.nn.Module
        Waveforms [batch, samples] to features [batch, channels, frames].
    masknet : torch.nn.Module
        Features to masks [1, batch, channels, frames].
    decoder : torch.nn.Module
        Masked features to waveforms.
    """

    def __init__(self, encoder, masknet, decoder):
        super().__init__()
        self.encoder = encoder
        self.masknet = masknet
        self.decoder = decoder

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """[batch, samples] to [batch, samples], fewer if the stride cuts."""
        features = self.encoder(noisy)  # (B, C, T)
        return self.decoder(features * self.masknet(features)[0])


def load_speechbrain(
    interface: str | None, find: Finder, trust_remote_code: bool = False
) -> nn.Module:
    """Builds the network of a ``hyperparams.yaml``, and loads its weights.

    Arguments
    ---------
    interface : str or None
        SpeechBrain's class for it, one of ``NEEDED``; None: told by the keys.
    find : callable
        File name to path, None for a file that is not there.
    trust_remote_code : bool
        Whether the YAML may name any code, not networks alone.

    Returns
    -------
    torch.nn.Module
        Waveforms to waveforms; a ``WaveformEnhancement``'s own network may
        return a tuple that they begin. Its ``sample_rate`` in Hz is set where
        the YAML states it.

    Raises
    ------
    FileNotFoundError
        If a file that is needed is not there.
    ValueError
        If the YAML does not load or names what is not allowed, the interface
        is unknown or needs what the YAML does not define, or weights do not
        fit or stay random.
    """
    path = _needed(find, "hyperparams.yaml")
    text = path.read_text(encoding="utf-8", errors="replace")
    allowed = None if trust_remote_code else FOLDER
    hparams = build_allowed(text, allowed, path.name)
    _check_parts(hparams, trust_remote_code)
    model = _adapted(_interface(interface, hparams), hparams)
    load_pretrained(hparams["pretrainer"], find)
    _check_covered(model, hparams["pretrainer"])
    network = hparams["modules"].get("enhance_model")
    parts = [hparams.get("compute_stft"), hparams.get("audio_normalizer")]
    parts.append(getattr(network, "model", network))
    stated = [getattr(part, "sample_rate", None) for part in parts]
    for rate in (hparams.get("sample_rate"), *stated):
        if rate is not None:
            model.sample_rate = _checked_rate(rate)
            break
    return model


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
    plain = (DEFAULT_TRANSFER_HOOKS[nn.Module], load_weights)
    for name, target in pretrainer.loadables.items():
        if not pretrainer.is_loadable(name):
            continue
        file = str(pretrainer.paths.get(name, f"{name}.ckpt"))
        path = _needed(find, file.rsplit("/", maxsplit=1)[-1])
        hook = pretrainer.custom_hooks.get(name)
        hook = hook or get_default_hook(target, DEFAULT_TRANSFER_HOOKS)
        if isinstance(target, nn.Module) and hook in plain:
            load_weights(target, path)
        elif hook not in (None, load_weights):
            hook(target, path)
        else:
            raise ValueError(
                f"the pretrainer cannot load {name!r}, a "
                f"{type(target).__name__}: give it an entry in custom_hooks"
            )


def _check_parts(hparams, trusted: bool) -> None:
    """Raises if a YAML lacks the parts that every interface has, or loads its
    weights in a way of its own."""
    for key, kind in (("modules", Mapping), ("pretrainer", Pretrainer)):
        known = isinstance(hparams, Mapping) and hparams.get(key)
        if not isinstance(known, kind):
            raise ValueError(f'hyperparams.yaml has no "{key}": {EXPECTED}')
    given = hparams["pretrainer"]
    strange = [*filter(callable, given.conditions.values())]
    strange += [x for x in given.custom_hooks.values() if x is not load_weights]
    if strange and not trusted:
        raise ValueError(
            "the pretrainer in hyperparams.yaml has a custom hook or a "
            f"condition that is not ours: {REMEDY}"
        )


def _checked_rate(rate) -> int:
    """A sample rate in Hz."""
    if rate not in RATES:
        raise ValueError(
            f"hyperparams.yaml: sample_rate is {reprlib.repr(rate)}, and no "
            f"rate of speech in Hz, {RATES[0]} to {RATES[-1]}"
        )
    return int(rate)


def _interface(named: str | None, hparams: Mapping) -> str:
    """SpeechBrain's class for a YAML: the one that is named, else the first of
    which all keys are there."""
    absent = {
        name: [f"modules: {k}" for k in modules if k not in hparams["modules"]]
        + [key for key in others if key not in hparams]
        for name, (modules, others) in NEEDED.items()
    }
    fitting = named or next((x for x in NEEDED if not absent[x]), None)
    if fitting is None:
        raise ValueError(
            "neither config.json nor the modules "
            f"{', '.join(map(str, hparams['modules']))} of hyperparams.yaml "
            'say which interface it has: add {"speechbrain_interface": '
            '"WaveformEnhancement"} (or another) as config.json'
        )
    if fitting not in NEEDED:
        raise ValueError(
            f"the interface {named!r} is not supported as a teacher, only "
            f"{', '.join(NEEDED)} are: build the model yourself and wrap it "
            "in FrozenTeacher"
        )
    if absent[fitting]:
        raise ValueError(
            f"{named} needs {', '.join(absent[fitting])}, which its "
            "hyperparams.yaml does not define"
        )
    return fitting


def _adapted(interface: str, hparams: Mapping) -> nn.Module:
    """The module that does what a SpeechBrain interface does."""
    modules, others = NEEDED[interface]
    parts = [hparams["modules"][key] for key in modules]
    useless = [
        *(k for k, p in zip(modules, parts) if not isinstance(p, nn.Module)),
        *(key for key in others if not callable(hparams[key])),
    ]
    if useless:
        raise ValueError(
            f"hyperparams.yaml: {', '.join(useless)} is no network that "
            f"{interface} could call"
        )
    if interface == "WaveformEnhancement":
        return parts[0]
    if interface == "SpectralMaskEnhancement":
        return SpectralMaskModel(*parts, *(hparams[key] for key in others))
    speakers = hparams.get("num_spks", 1)
    if speakers != 1:
        raise ValueError(
            f"it separates {speakers} speakers (num_spks): a teacher for "
            "enhancement has one"
        )
    return SeparationModel(*parts)


def _check_covered(model: nn.Module, pretrainer: Pretrainer) -> None:
    """Raises if the pretrainer leaves some of the weights as initialised."""
    loaded = {
        id(parameter)
        for name, target in pretrainer.loadables.items()
        if isinstance(target, nn.Module) and pretrainer.is_loadable(name)
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
