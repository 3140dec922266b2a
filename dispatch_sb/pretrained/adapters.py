"""SpeechBrain's pretrained enhancement interfaces as plain modules: waveforms
[batch, samples] in and out, at the level and length of the input.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
from collections.abc import Mapping

import torch
from speechbrain.utils.callchains import lengths_arg_exists
from torch import nn

INTERFACES = (
    "SpectralMaskEnhancement",
    "WaveformEnhancement",
    "SepformerSeparation",
)
SPECTRAL_HPARAMS = ("compute_stft", "spectral_magnitude", "resynth")
SEPARATION_MODULES = ("encoder", "masknet", "decoder")


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


def adapt(interface: str, hparams: Mapping) -> nn.Module:
    """Builds the module that does what a SpeechBrain interface does.

    Arguments
    ---------
    interface : str
        One of ``INTERFACES``.
    hparams : mapping
        The loaded ``hyperparams.yaml``: ``modules`` and what the interface
        reads beside them.

    Returns
    -------
    torch.nn.Module
        Waveforms to waveforms; a ``WaveformEnhancement``'s own network may
        return a tuple that they begin.

    Raises
    ------
    ValueError
        If the interface is none of these, if something that it needs is not
        in ``hparams``, or if it separates several speakers.
    """
    if interface not in INTERFACES:
        raise ValueError(
            f"the interface {interface!r} is not supported as a teacher, only "
            f"{', '.join(INTERFACES)} are: build the model yourself and wrap "
            "it in FrozenTeacher"
        )
    modules = hparams["modules"]
    if interface == "SpectralMaskEnhancement":
        _require(interface, modules, ("enhance_model",), "modules")
        _require(interface, hparams, SPECTRAL_HPARAMS, "hyperparameters")
        parts = {key: hparams[key] for key in SPECTRAL_HPARAMS}
        return SpectralMaskModel(modules["enhance_model"], **parts)
    if interface == "SepformerSeparation":
        _require(interface, modules, SEPARATION_MODULES, "modules")
        speakers = hparams.get("num_spks", 1)
        if speakers != 1:
            raise ValueError(
                f"it separates {speakers} speakers (num_spks): a teacher for "
                "enhancement has one"
            )
        return SeparationModel(*(modules[key] for key in SEPARATION_MODULES))
    _require(interface, modules, ("enhance_model",), "modules")
    return modules["enhance_model"]


def guess_interface(hparams: Mapping) -> str | None:
    """Which interface a ``hyperparams.yaml`` was written for, by its keys.

    Arguments
    ---------
    hparams : mapping
        The loaded ``hyperparams.yaml``.

    Returns
    -------
    str or None
        One of ``INTERFACES``, None if the keys fit none.

    Example
    -------
    >>> guess_interface({"modules": {"enhance_model": nn.Identity()}})
    'WaveformEnhancement'
    """
    modules = hparams.get("modules", {})
    if all(key in modules for key in SEPARATION_MODULES):
        return "SepformerSeparation"
    if "enhance_model" not in modules:
        return None
    if all(key in hparams for key in SPECTRAL_HPARAMS):
        return "SpectralMaskEnhancement"
    return "WaveformEnhancement"


def sample_rate_of(hparams: Mapping) -> int | None:
    """The rate in Hz that a ``hyperparams.yaml`` states.

    Arguments
    ---------
    hparams : mapping
        The loaded ``hyperparams.yaml``.

    Returns
    -------
    int or None
        From ``sample_rate``, else from the STFT, the audio normaliser or the
        network; None if none of them says.

    Example
    -------
    >>> sample_rate_of({"sample_rate": 8000})
    8000
    """
    if "sample_rate" in hparams:
        return int(hparams["sample_rate"])
    network = hparams.get("modules", {}).get("enhance_model")
    network = getattr(network, "model", network)
    for part in ("compute_stft", "audio_normalizer"):
        rate = getattr(hparams.get(part), "sample_rate", None)
        if rate is not None:
            return int(rate)
    rate = getattr(network, "sample_rate", None)
    return None if rate is None else int(rate)


def _require(interface, found, needed, where: str) -> None:
    """Raises if keys that an interface reads are not there."""
    missing = [key for key in needed if key not in found]
    if missing:
        raise ValueError(
            f"{interface} needs the {where} {', '.join(missing)}, which its "
            "hyperparams.yaml does not define"
        )
