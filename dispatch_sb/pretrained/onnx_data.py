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

    folder = Path(path).resolve().parent
    try:
        outside = [
            (tensor.name, entry.value)
            for tensor in _tensors(onnx.load(path, load_external_data=False))
            for entry in tensor.external_data
            if entry.key == "location"
            and not (folder / entry.value).resolve().is_relative_to(folder)
        ]
    except Exception as error:  # protobuf's own classes, by version
        raise ValueError(
            f"{path} is damaged, or no ONNX file ({error}): download or export "
            "it again."
        ) from error
    for name, place in outside:
        raise ValueError(
            f"{path} keeps {name!r} in {place}, outside its folder: only files "
            "beside it are read."
        )


def _tensors(message):
    """All tensors anywhere in a message."""
    if hasattr(message, "external_data"):
        yield message
    for field, value in message.ListFields():
        if field.message_type:
            single = hasattr(value, "ListFields")
            for part in [value] if single else value:
                yield from _tensors(part)
