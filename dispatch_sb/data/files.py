"""Work on many files: found, hashed, written atomically, and handled side
by side with a progress bar.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
HASH_BLOCK = 1 << 20  # bytes


def audio_files(
    folder: str | os.PathLike, suffixes: tuple[str, ...] = AUDIO_SUFFIXES
) -> list[Path]:
    """All audio files below a folder, sub-folders included, sorted.

    Hidden files (a Mac's `._name.wav`, our own unfinished ones) are left
    out; symbolic links are followed.

    Arguments
    ---------
    folder : str or os.PathLike
        The folder.
    suffixes : tuple of str
        What counts as audio, in small letters.

    Returns
    -------
    list of pathlib.Path
        By default WAV, FLAC and Ogg files.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> for name in ("b.wav", "a.flac", "notes.txt", "._b.wav"):
    ...     (folder / name).touch()
    >>> [path.name for path in audio_files(folder)]
    ['a.flac', 'b.wav']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not a folder: check the path, it has to hold "
            "audio files."
        )
    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(suffixes) and not name.startswith(".")
    )


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike):
    """Gives a temporary name beside a file, and renames it to the file's
    when the block ends well; after an exception nothing is left.

    Arguments
    ---------
    path : str or os.PathLike
        The file to write.

    Yields
    ------
    pathlib.Path
        Where to write.

    Example
    -------
    >>> path = getfixture("tmp_path") / "note.txt"
    >>> with atomic_path(path) as temporary:
    ...     _ = temporary.write_text("complete")
    >>> path.read_text()
    'complete'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{_writer()}.partial")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _writer() -> str:
    """Who writes: the process and, unless it is the main one, the thread."""
    process = str(os.getpid())
    if threading.current_thread() is threading.main_thread():
        return process
    return f"{process}-{threading.get_ident()}"


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    Arguments
    ---------
    path : str or os.PathLike
        Any file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> path = getfixture("tmp_path") / "empty"
    >>> path.touch()
    >>> sha256_of(path)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def map_files(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    description: str,
) -> list[Any]:
    """Applies a function to many files in threads, as many as there are CPU
    cores and at most 16, with a progress bar.

    Threads are enough: reading, hashing and resampling all release
    Python's global lock. An exception, Ctrl-C included, drops the items
    that have not begun.

    Arguments
    ---------
    function : callable
        Takes one item.
    items : iterable
        What to work on.
    description : str
        Stands beside the progress bar.

    Returns
    -------
    list
        The results, in the items' order.

    Example
    -------
    >>> map_files(str.upper, ["a", "b"], "Shouting")
    ['A', 'B']
    """
    return thread_map(
        function,
        list(items),
        max_workers=min(os.cpu_count() or 1, 16),
        desc=description,
        leave=False,
        delay=1,  # short work never shows a bar
        disable=None,
    )
