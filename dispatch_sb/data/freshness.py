"""Whether a manifest still fits the files that it was made of, told by their
sizes and modification times without reading them.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dispatch_sb.data.files import atomic_path, sha256_of


def stamps(sources: Mapping[str, Mapping[str, Any]]) -> list:
    """What is known of files without reading them.

    Arguments
    ---------
    sources : mapping
        By id: a mapping whose paths are files, and whose strings are kept.

    Returns
    -------
    list
        For each value: id, name, text, and size and modification time (ns)
        of files.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> _ = path.write_bytes(b"four")
    >>> stamps({"a": {"wav": path, "speaker": "ann"}})[0][3]
    4
    """
    return [
        [key, name, str(value), *_stamp(value)]
        for key, source in sources.items()
        for name, value in source.items()
    ]


def digest(content: Any) -> str:
    """SHA-256 of anything that JSON can hold.

    Arguments
    ---------
    content : Any
        Numbers, strings, lists, dictionaries.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def remember(json_path: Path, state: str) -> None:
    """Notes in a hidden file beside a manifest what it was made of.

    Arguments
    ---------
    json_path : pathlib.Path
        The manifest.
    state : str
        A digest of sources and settings.
    """
    with atomic_path(_note_of(json_path)) as temporary:
        temporary.write_text(f"{state} {sha256_of(json_path)}")


def is_current(json_path: Path, state: str) -> bool:
    """Whether a manifest was made of these sources, and is as we wrote it.

    Arguments
    ---------
    json_path : pathlib.Path
        The manifest.
    state : str
        A digest of today's sources and settings.

    Returns
    -------
    bool
        False also where manifest or note are missing.
    """
    note = _note_of(json_path)
    if not json_path.is_file() or not note.is_file():
        return False
    return note.read_bytes() == f"{state} {sha256_of(json_path)}".encode()


def _note_of(json_path: Path) -> Path:
    """Where the note of a manifest lies."""
    return json_path.with_name(f".{json_path.name}.state")


def _stamp(value: Any) -> tuple[int, ...]:
    """Size and modification time of a file; zeros for one that is gone."""
    if not isinstance(value, Path):
        return ()
    try:
        status = value.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
