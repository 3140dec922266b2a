"""What the inputs and outputs of a foreign ONNX file are: which is the audio,
which are states, how many samples a run takes. Read from the file; where it
does not say, from a small YAML of the same name beside it.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
import yaml

from dispatch_sb.data.value_checks import (
    STRING,
    block,
    block_of,
    number,
    one_of,
    or_null,
    when,
)

AUDIO_WORDS = set(
    "audio clean denoised enh enhanced input mix mixture noisy output sample "
    "samples sig signal spec spectrum speech stft wav wave waveform x y".split()
)
DIRECTIONS = set(
    "in input last new next old out output prev previous updated".split()
)
MOST = 1 << 22  # samples, or Hz
OURS = {"sample_rate", "hop", "latency", "states"}  # in metadata
AXES = ("batch", "bins", "frames", "parts")
WINDOWS = {
    "hann": torch.hann_window,
    "sqrt_hann": lambda samples: torch.hann_window(samples).sqrt(),
    "hamming": torch.hamming_window,
    "rectangular": torch.ones,
}
COUNT = number(f"[1, {MOST}]", whole=True)
LAYOUT = when(
    lambda value: sorted(map(str, value)) == sorted(AXES),
    f"{', '.join(AXES)}, in some order",
)
KNOWN = {
    "audio_input": STRING,
    "audio_output": STRING,
    "states": block_of(STRING),
    "sample_rate": COUNT,
    "hop": COUNT,
    "window": COUNT,
    "delay": number(f"[0, {MOST}]", whole=True),
    "spectral": block(
        {"n_fft": COUNT, "hop": COUNT},
        {"window": one_of(*WINDOWS), "layout": LAYOUT},
    ),
}
SAID = block({}, {key: or_null(check) for key, check in KNOWN.items()})


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
        If the YAML, or the metadata, hold something else.
    """
    where, said = path, {}
    try:
        if OURS <= set(metadata):
            rate, latency, hop = (
                int(metadata[key]) for key in ("sample_rate", "latency", "hop")
            )
            said = {"sample_rate": rate, "delay": latency - hop}
            _check(said)
        if path.with_suffix(".yaml").is_file():
            where = path.with_suffix(".yaml")
            beside = yaml.safe_load(where.read_bytes()) or {}
            _check(beside)
            if beside.get("spectral") is not None:
                beside["spectral"] = Spectral(**beside["spectral"])
            said |= beside
    except Exception as error:  # the parser's, and what its types raise
        raise ValueError(f"{where} cannot be used: {error}.") from error
    return said


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
    audio, rest = {}, {}
    for side, ports, taken in (
        ("input", inputs, set(states or {})),
        ("output", outputs, set((states or {}).values())),
    ):
        key = f"audio_{side}"
        names = {port.name for port in ports}
        missing = (taken | {said.get(key)}) - names - {None}
        if missing:
            raise ValueError(
                f"it has no {side} {min(missing)!r}, only "
                f"{', '.join(sorted(names))}"
            )
        free = [port for port in ports if port.name not in taken]
        audio[key] = said.get(key) or _audio(free, key)
        rest[side] = [port for port in free if port.name != audio[key]]
    if states is None:
        states = _match_states(rest["input"], rest["output"])
    elif rest["input"]:
        raise ValueError(f"the input {rest['input'][0].name} is not in states")
    return Signature(**{**said, **audio, "states": states})


def _check(said) -> None:
    """Raises unless it may be said of a file."""
    if wrong := SAID(said):
        raise ValueError(f"it should hold {wrong}")
    for key in said.keys() - KNOWN:
        raise ValueError(f"{key} is none of {', '.join(KNOWN)}")


def _audio(ports: Sequence[Port], key: str) -> str:
    """The name of the port that is audio."""
    named = [port for port in ports if _words(port) & AUDIO_WORDS]
    shaped = [port for port in ports if _like_waveform(port)]
    for candidates in (ports, named, shaped):
        if len(candidates) == 1:
            return candidates[0].name
    names = ", ".join(port.name for port in ports)
    raise ValueError(f"the {key} may be any of {names}: name it as {key}")


def _match_states(
    inputs: Sequence[Port], outputs: Sequence[Port]
) -> dict[str, str]:
    """The output that is each state's next value: the only one of its name,
    else that at its place in the file, else the only one of its shape."""
    rules = [lambda i, o: _stem(i) == _stem(o)]
    if len(inputs) == len(outputs):
        rules.append(lambda i, o: inputs.index(i) == outputs.index(o))
        rules.append(lambda i, o: True)
    for rule in rules:
        found = [
            [o.name for o in outputs if rule(i, o) and _fits(i, o)]
            for i in inputs
        ]
        names = [names[0] for names in found if len(names) == 1]
        if len(set(names)) == len(inputs):
            return {i.name: name for i, name in zip(inputs, names)}
    raise ValueError(
        f"the inputs {', '.join(port.name for port in inputs)} do not match "
        f"the outputs {', '.join(port.name for port in outputs) or 'none'}: "
        "give states as a map from input to output"
    )


def _fits(one: Port, other: Port) -> bool:
    """Whether two ports can have the same shape and type."""
    sizes = zip(one.shape, other.shape)
    return (one.type, len(one.shape)) == (other.type, len(other.shape)) and all(
        a == b for a, b in sizes if isinstance(a, int) and isinstance(b, int)
    )


def _like_waveform(port: Port) -> bool:
    """Whether a shape may be [samples], [batch, samples], [1, 1, samples]."""
    lead = port.shape[:-1]
    return 1 <= len(port.shape) <= 3 and not any(
        isinstance(size, int) and size != 1 for size in lead
    )


def _words(port: Port) -> set[str]:
    """The words of a name, in lower case."""
    return set(re.findall(r"[a-z]+", port.name.lower()))


def _stem(port: Port) -> list[str]:
    """A name without the words that say before or after."""
    words = re.findall(r"[a-z]+|\d+", port.name.lower())
    return [word for word in words if word not in DIRECTIONS]
