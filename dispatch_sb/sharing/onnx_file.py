"""A trained student becomes one ONNX file that any program can stream with:
one hop and the state in, one hop and the state out.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import logging
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import ModelCardData
from torch import nn

from dispatch_sb import __version__
from dispatch_sb.data.files import atomic_path
from dispatch_sb.enhance.noise_floor import NoiseFloor, floor_of
from dispatch_sb.models.interface import can_stream
from dispatch_sb.models.step import Step
from dispatch_sb.pretrained.sources import open_source
from dispatch_sb.runs.run import Run, is_run
from dispatch_sb.sharing.card import read_head
from dispatch_sb.sharing.example import median_example
from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

TOLERANCE = 1e-4  # of full scale: largest difference from torch
MODERN_OPSET = 20


def card_and_example(
    source: str | os.PathLike, revision: str | None = None
) -> tuple[ModelCardData, Path | None]:
    """What comes with a model.

    Arguments
    ---------
    source : str or os.PathLike
        A run, a model's folder or a hub id.
    revision : str, optional
        Of a hub id.

    Returns
    -------
    huggingface_hub.ModelCardData
        The head of its card; empty for a run.
    pathlib.Path or None
        Noisy speech: the folder's ``example.wav``, or the run's median test
        utterance; None if it is not there.
    """
    if not is_run(source):
        find, _ = open_source(source, revision, kind="model")
        return read_head(find("README.md")), find("example.wav")
    try:
        _, example = median_example(Run.open(source))
    except (OSError, ValueError, LookupError, StopIteration):
        example = None  # the corpus is gone; another file can be named
    return ModelCardData(), example


def write_onnx(
    model: nn.Module,
    path: str | os.PathLike,
    speech: np.ndarray,
    name: str,
    licence: str = "not stated",
    keep: float | str | None = None,
) -> tuple[bytes, float]:
    """Writes a model as an ONNX file, unless the file gives other samples.

    Arguments
    ---------
    model : FastEnhancer
        Trained.
    path : str or os.PathLike
        The file; it appears when it is complete and has passed.
    speech : np.ndarray
        What both are compared on, ``[samples]`` at the model's rate.
    name : str
        Of the model, for the metadata.
    licence : str
        Of the weights.
    keep : float or str, optional
        How much of the noise stays, see `NoiseFloor`: `OnnxEnhancer` reads it
        in the file. Default: what the model recommends, else nothing.

    Returns
    -------
    bytes
        What the file holds.
    float
        Largest difference between a sample from onnxruntime, hop by hop, and
        the same sample from torch, the whole waveform at once.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    ValueError
        If the model cannot stream, there is no sound to compare on, or
        ``keep`` is no number of dB, 0 or less.
    RuntimeError
        If the file is not equal to the model.
    """
    if not np.any(speech):
        raise ValueError("There is only silence to compare on: give speech.")
    content = onnx_bytes(model, name, licence, keep)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        difference = largest_difference(temporary, model, speech)
        if not difference <= TOLERANCE:  # NaN is no success either
            raise RuntimeError(
                f"{path} is not written: its output differs from torch's by "
                f"{difference:.1e}, more than {TOLERANCE:.0e}; try another "
                "version of torch, onnxscript or onnxruntime."
            )
    return content, difference


def onnx_bytes(
    model: nn.Module,
    name: str,
    licence: str,
    keep: float | str | None = None,
) -> bytes:
    """The content of the ONNX file of a model.

    Arguments
    ---------
    model : FastEnhancer
        Trained.
    name, licence : str
        For the metadata.
    keep : float or str, optional
        Likewise, see `write_onnx`.

    Returns
    -------
    bytes
        A self-contained ONNX model.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    ValueError
        If the model is none that can stream.
    """
    floor = floor_of(model, keep)
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Writing ONNX files needs two more packages: "
            'pip install "dispatch-sb[onnx]"'
        ) from error
    if not can_stream(model):
        raise ValueError(
            f"{type(model).__name__} does not work hop by hop, so it has no "
            "ONNX file: only causal models of dispatch_sb.models have."
        )
    step = model.step()
    states = step.initial_state()
    with _quiet_exporter():
        program = torch.onnx.export(
            step,
            (torch.zeros(1, step.hop), *states.values()),
            input_names=["samples", *states],
            output_names=["enhanced", *(f"next_{name}" for name in states)],
            opset_version=MODERN_OPSET,
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    _forget_origins(proto)
    _describe(proto, step, name, licence, floor)
    return proto.SerializeToString()


def largest_difference(
    path: str | os.PathLike | bytes, model: nn.Module, speech: np.ndarray
) -> float:
    """Compares a file's network, hop by hop, with its model, all at once.

    Arguments
    ---------
    path : str, os.PathLike or bytes
        The ONNX file or its content.
    model : torch.nn.Module
        In eval mode.
    speech : np.ndarray
        ``[samples]`` at the model's rate.

    Returns
    -------
    float
        Of full scale 1.0; NaN if one of them is NaN somewhere.
    """
    speech = np.asarray(speech, dtype=np.float32)
    device = next(model.parameters()).device
    with torch.no_grad():
        expected = model(torch.as_tensor(speech, device=device)[None])[0]
    actual = OnnxEnhancer(path, keep=-np.inf).enhance(speech)
    return float(np.abs(actual - expected.cpu().numpy()).max())


@contextmanager
def _quiet_exporter():
    """Silences what torch's exporter says of packages that it does not need;
    its errors still come as exceptions."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)


def _forget_origins(proto) -> None:
    """Removes the exporter's notes on lines of source: a third of the file."""
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*proto.graph.input, *proto.graph.output]:
        del value.metadata_props[:]
    for tensor in proto.graph.initializer:
        tensor.doc_string = ""
    del proto.graph.value_info[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]


def _describe(
    proto, step: Step, name: str, licence: str, floor: NoiseFloor
) -> None:
    """Writes into the file what a program must know to use it."""
    states = step.initial_state()
    shapes = {state: list(value.shape) for state, value in states.items()}
    about = {
        "sample_rate": str(step.sample_rate),
        "hop": str(step.hop),
        "latency": str(step.latency),
        "states": json.dumps(shapes),
        "model_name": name,
        "licence": licence,
        "dispatch_sb_version": __version__,
        "weights": "float32",
    }
    proto.producer_name, proto.producer_version = "dispatch-sb", __version__
    proto.doc_string = (
        f"{name}: speech enhancement, one hop of {step.hop} samples at "
        f"{step.sample_rate} Hz in and out. Every state begins with zeros; "
        "the output next_X is the input X of the next hop. The enhanced hop "
        f"is {step.latency - step.hop} samples late."
    )
    if floor.gain:
        about["keep"] = str(floor.keep)
        proto.doc_string += (
            f" Of the noise {floor.keep:g} dB are to stay: with x, the first "
            "hop of history and samples joined, enhanced becomes enhanced + "
            f"{floor.gain:.4g} * (x - enhanced)."
        )
    for key, value in about.items():
        proto.metadata_props.add(key=key, value=value)
