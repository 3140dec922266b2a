"""The weights of an ONNX file in 8 bits.

onnxruntime turns such weights into floats once, when it loads the file: at
this size that is as fast as the file in floats, while arithmetic in integers
is slower, because the conversions of every hop outweigh what they save.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os

import numpy as np

from dispatch_sb.data.files import atomic_path
from dispatch_sb.publish.onnx_loss import ACCEPTABLE, PesqLoss, pesq_loss

LEVELS = 127
# The transforms stay exact, and so does the product with the imaginary unit.
KEPT = ("fourier.", "quarter_turn")
# Operation -> its output channels' axis in the weights.
CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "Gemm": -1}


def write_int8(
    content: bytes,
    path: str | os.PathLike,
    clean_folder: str | os.PathLike,
    noisy_folder: str | os.PathLike,
    workers: int | None = None,
) -> PesqLoss:
    """Writes a file with weights of 8 bits, unless that costs too much PESQ.

    Arguments
    ---------
    content : bytes
        The file in floats, from `onnx_bytes`.
    path : str or os.PathLike
        The file; its metadata says what was lost.
    clean_folder, noisy_folder : str or os.PathLike
        Pairs that the loss is measured on, see `pesq_loss`.
    workers : int, optional
        Processes that score; one per CPU if None.

    Returns
    -------
    PesqLoss
        What was lost.

    Raises
    ------
    RuntimeError
        If more than ``ACCEPTABLE`` is lost on average: nothing is written.
    """
    smaller = int8_bytes(content)
    loss = pesq_loss(content, smaller, clean_folder, noisy_folder, workers)
    if not loss.acceptable:
        raise RuntimeError(
            f"{path} is not written, 8 bits cost more than {ACCEPTABLE:g} "
            f"PESQ here: {loss}. Use the file in floats."
        )
    about = {"weights": "int8", "pesq_loss": json.dumps(loss._asdict())}
    with atomic_path(path) as temporary:
        temporary.write_bytes(with_metadata(smaller, about))
    return loss


def with_metadata(content: bytes, about: dict[str, str]) -> bytes:
    """Changes or adds entries of a file's metadata.

    Arguments
    ---------
    content : bytes
        An ONNX file.
    about : dict
        Text by name.

    Returns
    -------
    bytes
        The file with these entries.
    """
    import onnx

    proto = onnx.load_model_from_string(content)
    merged = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**merged, **about})
    return proto.SerializeToString()


def quantise(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Rounds weights to 8 bits, symmetric, every channel by its own scale.

    Arguments
    ---------
    values : np.ndarray
        Float weights.
    axis : int
        Of the channels.

    Returns
    -------
    np.ndarray
        int8, of the same shape; -128 does not occur.
    np.ndarray
        Scales ``[channels]``, float32: weights are about int8 times scale.

    Example
    -------
    >>> quantise(np.array([[1.0, -4.0], [0.5, 2.0]]), axis=1)[0].tolist()
    [[127, -127], [64, 64]]
    """
    others = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest == 0, 1, largest / LEVELS).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale.ravel()


def int8_bytes(content: bytes) -> bytes:
    """Stores the weights of a file in 8 bits.

    Arguments
    ---------
    content : bytes
        From `onnx_bytes`.

    Returns
    -------
    bytes
        The same network; all weights but the Fourier transforms' are int8
        with one scale per output channel.

    Raises
    ------
    ImportError
        If onnx is not installed.
    """
    import onnx
    from onnx import numpy_helper

    proto = onnx.load_model_from_string(content)
    axes = _weight_axes(proto.graph)
    tensors, nodes = [], []
    for tensor in proto.graph.initializer:
        if tensor.name not in axes:
            tensors.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        axis = axes[tensor.name] % values.ndim
        names = [f"{tensor.name}.int8", f"{tensor.name}.scale"]
        parts = quantise(values, axis)
        tensors += map(numpy_helper.from_array, parts, names)
        nodes.append(
            onnx.helper.make_node(
                "DequantizeLinear",
                names,
                [tensor.name],
                name=f"{tensor.name}.float",
                axis=axis,
            )
        )
    nodes += proto.graph.node
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.initializer.extend(tensors)
    proto.graph.node.extend(nodes)
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def _weight_axes(graph) -> dict[str, int]:
    """The axis of output channels of each tensor that becomes int8."""
    names = {tensor.name for tensor in graph.initializer}
    axes = {}
    for node in graph.node:
        axis = CHANNEL_AXES.get(node.op_type)
        if axis is None:
            continue
        transposed = [a.i for a in node.attribute if a.name == "transB"]
        if any(transposed):
            axis = 0
        left, right = node.input[:2]
        for name, own_axis in ((left, -2), (right, axis)):
            if name in names and not name.startswith(KEPT):
                axes[name] = own_axis
    return axes
