"""Where an ONNX file keeps its weights: in itself, or beside it.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path


def check_external_data(path: str | os.PathLike) -> None:
    """Refuses an ONNX file whose weights lie outside its folder: not every
    onnxruntime does.

    Arguments
    ---------
    path : str or path
        The ONNX file.

    Raises
    ------
    ValueError
        If it names such a file, or cannot be parsed.
    """
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf's own classes, by version
        raise ValueError(
            f"{path} is damaged, or no ONNX file ({error}): download or export "
            "it again."
        ) from error
    folder = Path(path).resolve().parent
    for tensor in _tensors(graph):
        for entry in tensor.external_data:
            place = (folder / entry.value).resolve()
            if entry.key == "location" and not place.is_relative_to(folder):
                raise ValueError(
                    f"{path} keeps {tensor.name!r} in {entry.value}, outside "
                    "its folder: only files beside it are read."
                )


def _tensors(graph):
    """All tensors of a graph and of the graphs within."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for part in (attribute.g, *attribute.graphs):
                if part.node or part.initializer:
                    yield from _tensors(part)
