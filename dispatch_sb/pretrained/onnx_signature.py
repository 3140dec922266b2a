"""What the inputs and outputs of a foreign ONNX file are: which is the audio,
which are states, how many samples a run takes. Read from the file; where it
does not say, from a small YAML of the same name beside it.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

import yaml

AUDIO_WORDS = set(
    "audio clean denoised enh enhanced input mix mixture noisy output sample "
    "samples sig signal spec spectrum speech stft wav wave waveform x y".split()
)
DIRECTIONS = set(
    "in input last new next old out output prev previous updated".split()
)
AXES = ("batch", "bins", "frames", "parts")
WINDOWS = ("hann", "sqrt_hann", "hamming", "rectangular")


class Port(Protocol):
    """An input or an output, as onnxruntime describes it."""

    name: str
    shape: Sequence
    type: str


@dataclass(frozen=True)
class Spectral:
    """A model between spectra rather than waveforms.

    Arguments
    ---------
    n_fft, hop : int
        Of a centred STFT, its edges reflected; its window has ``n_fft``
        samples.
    window : str
        One of ``WINDOWS``; periodic.
    layout : sequence of str
        The four ``AXES`` in the order of the file. The two parts are the
        real and the imaginary one.
    """

    n_fft: int
    hop: int
    window: str = "hann"
    layout: Sequence[str] = AXES


@dataclass(frozen=True)
class Signature:
    """How an ONNX file is run.

    Arguments
    ---------
    audio_input, audio_output : str
        Names.
    states : mapping
        The output that becomes each further input of the next run.
    sample_rate : int, optional
        In Hz; None if nothing says it.
    hop : int, optional
        Samples that a run gives; None if it is as long as its input.
    window : int, optional
        Samples that a run takes, the last ``hop`` of them new.
    delay : int, optional
        Samples by which the output is late; None if nothing says it.
    spectral : Spectral, optional
        For models between spectra.
    """

    audio_input: str
    audio_output: str
    states: Mapping[str, str] = field(default_factory=dict)
    sample_rate: int | None = None
    hop: int | None = None
    window: int | None = None
    delay: int | None = None
    spectral: Spectral | None = None


def read_description(path: Path, metadata: Mapping[str, str]) -> dict:
    """What is said about a file: by ``dispatch-sb onnx``, and by its YAML.

    Arguments
    ---------
    path : pathlib.Path
        ``model.onnx``; beside it, ``model.yaml`` may be.
    metadata : mapping
        Of the file.

    Returns
    -------
    dict
        Some of the fields of ``Signature``; the YAML's value counts.

    Raises
    ------
    ValueError
        If the YAML holds something else.
    """
    own = _of_our_export(metadata)
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return own
    try:
        said = yaml.safe_load(beside.read_text(encoding="utf-8")) or {}
        _check_keys(said, Signature)
        for key in ("sample_rate", "hop", "window", "delay"):
            _check_number(said, key, least=0 if key == "delay" else 1)
        if said.get("spectral") is not None:
            said["spectral"] = _spectral(said["spectral"])
        if not isinstance(said.get("states", {}), dict):
            raise ValueError("states must map names of inputs to outputs")
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{beside} cannot be used: {error}.") from error
    return {**own, **said}


def find_signature(
    inputs: Sequence[Port], outputs: Sequence[Port], said: Mapping
) -> Signature:
    """Tells audio from states.

    The audio is known by its name, or as the only one of the shape of a
    waveform; states by their names, their order or their shapes.

    Arguments
    ---------
    inputs, outputs : sequence of Port
        Of the file.
    said : mapping
        From ``read_description``.

    Returns
    -------
    Signature
        ``hop`` and ``window`` are only those that were said.

    Raises
    ------
    ValueError
        If what was said is not in the file, or the file is ambiguous.
    """
    states = said.get("states")
    known = (set(), set())
    if states is not None:
        known = (set(states), set(states.values()))
    sides = []
    for key, ports, taken in zip(
        ("audio_input", "audio_output"), (inputs, outputs), known
    ):
        names = {port.name for port in ports}
        missing = (taken | {said.get(key)}) - names - {None}
        if missing:
            raise ValueError(
                f"it has no {key.removeprefix('audio_')} {min(missing)!r}, "
                f"only {', '.join(sorted(names))}"
            )
        free = [port for port in ports if port.name not in taken]
        audio = said.get(key) or _audio(free, key)
        sides.append((audio, [port for port in free if port.name != audio]))
    (audio_input, more_inputs), (audio_output, more_outputs) = sides
    if states is None:
        states = _match_states(more_inputs, more_outputs)
    elif more_inputs:
        raise ValueError(f"the input {more_inputs[0].name} is not in states")
    parts = {"audio_input": audio_input, "audio_output": audio_output}
    return Signature(**{**said, **parts, "states": states})


def _of_our_export(metadata: Mapping[str, str]) -> dict:
    """What a file of ``dispatch-sb onnx`` says of itself; else nothing."""
    if not {"sample_rate", "hop", "latency", "states"} <= set(metadata):
        return {}
    hop = int(metadata["hop"])
    names = json.loads(metadata["states"])
    return {
        "audio_input": "samples",
        "audio_output": "enhanced",
        "states": {name: f"next_{name}" for name in names},
        "sample_rate": int(metadata["sample_rate"]),
        "hop": hop,
        "delay": int(metadata["latency"]) - hop,
    }


def _check_keys(said, kind: type) -> None:
    """Raises if something is no mapping of the fields of a class."""
    allowed = [part.name for part in fields(kind)]
    if not isinstance(said, dict):
        raise ValueError(f"it must map {', '.join(allowed)} to values")
    for key in said:
        if key not in allowed:
            raise ValueError(
                f"the key {key!r} is unknown, only {', '.join(allowed)} are "
                "known"
            )


def _check_number(said: Mapping, key: str, least: int) -> None:
    """Raises if a value is there that is no integer, or too small."""
    value = said.get(key)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and value >= least):
        raise ValueError(f"{key} must be an integer of at least {least}")


def _spectral(said) -> Spectral:
    """The section ``spectral`` of the YAML."""
    _check_keys(said, Spectral)
    for key in ("n_fft", "hop"):
        if said.get(key) is None:
            raise ValueError(f"spectral needs {key}")
        _check_number(said, key, least=1)
    spectral = Spectral(**said)
    if spectral.window not in WINDOWS:
        raise ValueError(
            f"window must be one of {', '.join(WINDOWS)}, "
            f"not {spectral.window!r}"
        )
    if sorted(map(str, spectral.layout)) != sorted(AXES):
        raise ValueError(f"layout must hold {', '.join(AXES)}, in some order")
    return spectral


def _audio(ports: Sequence[Port], key: str) -> str:
    """The name of the port that is audio."""
    named = [port for port in ports if _words(port.name) & AUDIO_WORDS]
    shaped = [port for port in ports if _like_waveform(port)]
    for candidates in (ports, named, shaped):
        if len(candidates) == 1:
            return candidates[0].name
    names = ", ".join(port.name for port in ports)
    raise ValueError(f"the {key} may be any of {names}: name it as {key}")


def _match_states(
    inputs: Sequence[Port], outputs: Sequence[Port]
) -> dict[str, str]:
    """The output that is each state's next value."""
    by_name = _pairs(inputs, outputs, lambda i, o: _stem(i) == _stem(o))
    if by_name is not None:
        return by_name
    if len(inputs) == len(outputs):
        if all(map(_fits, inputs, outputs)):  # the order of the file
            return {i.name: o.name for i, o in zip(inputs, outputs)}
        by_shape = _pairs(inputs, outputs, _fits)
        if by_shape is not None:
            return by_shape
    raise ValueError(
        f"the inputs {', '.join(port.name for port in inputs)} do not match "
        f"the outputs {', '.join(port.name for port in outputs) or 'none'}: "
        "give states as a map from input to output"
    )


def _pairs(inputs, outputs, match) -> dict[str, str] | None:
    """Inputs with the only output that matches; None if one has none."""
    pairs = {}
    for port in inputs:
        found = [o for o in outputs if match(port, o) and _fits(port, o)]
        if len(found) != 1:
            return None
        pairs[port.name] = found[0].name
    return pairs if len(set(pairs.values())) == len(pairs) else None


def _fits(one: Port, other: Port) -> bool:
    """Whether two ports can have the same shape and type."""
    return (
        one.type == other.type
        and len(one.shape) == len(other.shape)
        and all(
            a == b
            for a, b in zip(one.shape, other.shape)
            if isinstance(a, int) and isinstance(b, int)
        )
    )


def _like_waveform(port: Port) -> bool:
    """Whether a shape may be [samples], [batch, samples], [1, 1, samples]."""
    lead = port.shape[:-1]
    return 1 <= len(port.shape) <= 3 and not any(
        isinstance(size, int) and size != 1 for size in lead
    )


def _words(name: str) -> set[str]:
    """The words of a name, in lower case."""
    return set(re.findall(r"[a-z]+", name.lower()))


def _stem(port: Port) -> list[str]:
    """A name without the words that say before or after."""
    words = re.findall(r"[a-z]+|\d+", port.name.lower())
    return [word for word in words if word not in DIRECTIONS]
