"""Paths as manifests hold them: `{data_root}` stands for a folder, as in
SpeechBrain, which applies `str.format_map` to every string of a manifest.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from typing import Any

PLACEHOLDER = "{data_root}"


def portable_path(
    path: str | os.PathLike, data_root: str | os.PathLike | None
) -> str:
    """A path for a manifest.

    Arguments
    ---------
    path : str or os.PathLike
        The file.
    data_root : str or os.PathLike or None
        The folder that `{data_root}` stands for.

    Returns
    -------
    str
        Relative to `{data_root}` if it lies below it, otherwise absolute.

    Example
    -------
    >>> portable_path("/data/clean/a.wav", "/data")
    '{data_root}/clean/a.wav'
    >>> portable_path("/elsewhere/{a}.wav", "/data")
    '/elsewhere/{{a}}.wav'
    """
    text = os.path.abspath(path)
    prefix = ""
    if data_root is not None:
        root = os.path.join(os.path.abspath(data_root), "")
        if text.startswith(root):
            prefix, text = PLACEHOLDER + "/", text[len(root) :]
    return prefix + escape_braces(text.replace(os.sep, "/"))


def escape_braces(text: str) -> str:
    """Doubles braces, which SpeechBrain's formatting makes single again.

    Arguments
    ---------
    text : str
        Any text.

    Returns
    -------
    str
        The text for a manifest.
    """
    return text.replace("{", "{{").replace("}", "}}")


def plain_braces(value: Any) -> Any:
    """Undoes `escape_braces` on a manifest's value, and keeps `{data_root}`.

    Arguments
    ---------
    value : Any
        A value of a manifest's entry.

    Returns
    -------
    Any
        The text with single braces; other types as they are.

    Example
    -------
    >>> plain_braces("{data_root}/{{a}}.wav")
    '{data_root}/{a}.wav'
    """
    if not isinstance(value, str):
        return value
    return value.replace("{{", "{").replace("}}", "}")
