"""Work on many files: found, hashed, written atomically, and handled side
by side with a progress bar.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import errno
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from dispatch_sb.data.disk import naming

try:
    import fcntl
except ImportError:  # Windows, where nobody deletes a file that is open
    fcntl = None

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")
HASH_BLOCK = 1 << 20  # bytes
POSIX = hasattr(os, "O_DIRECTORY")
LONGEST_NAME = 255  # bytes, of a file in most file systems
NO_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)
PARTIAL = ".partial"  # ends the names of files that are being written


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
    found = []
    for parent, inner, names in os.walk(folder, followlinks=True):
        parent = Path(parent)
        above = {os.path.realpath(x) for x in (parent, *parent.parents)}
        # No link leads back up, where this would go round for ever.
        inner[:] = [
            x for x in inner if os.path.realpath(parent / x) not in above
        ]
        found += [
            parent / name
            for name in names
            if name.lower().endswith(suffixes) and not name.startswith(".")
        ]
    return sorted(found)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike, listed: bool = True):
    """Gives a temporary name beside a file, and renames it to the file's
    when the block ends well and its content is on the disk; after an
    exception nothing is left. What killed processes have left in the folder
    is deleted.

    Arguments
    ---------
    path : str or os.PathLike
        The file to write.
    listed : bool
        Whether to wait until the new name is on the disk as well. Without
        that, which is quicker, a power cut may cost the file as a whole.

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
    if path.is_dir():  # found now, and not when all is written
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    _remove_abandoned(os.path.abspath(path.parent))
    temporary = partial_of(path, _writer())
    try:
        with naming(path, temporary), contextlib.ExitStack() as stack:
            for _ in range(3):  # another process may just have removed it
                # Where that fails, whoever writes there says why.
                with contextlib.suppress(OSError):
                    temporary.touch()
                stack.enter_context(held(temporary))
                if temporary.exists():
                    break
            yield temporary
            flush(temporary)
            os.replace(temporary, path)
            if listed:
                flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def partial_of(target: str | os.PathLike, process: int | str) -> Path:
    """The unfinished file of a process, see `atomic_path`.

    Arguments
    ---------
    target : str or os.PathLike
        What it is to become.
    process : int or str
        Its id, and that of a thread if several write.

    Returns
    -------
    pathlib.Path
        A hidden file beside the target.

    Example
    -------
    >>> partial_of("out/a.wav", 42).name
    '.a.wav.42.partial'
    >>> len(partial_of("o" * 251 + ".wav", 42).name) < LONGEST_NAME
    True
    """
    target = Path(target)
    name = f".{target.name}.{process}{PARTIAL}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        short = hashlib.sha256(os.fsencode(target.name)).hexdigest()
        name = f".{short}.{process}{PARTIAL}"
    return target.with_name(name)


def flush(path: str | os.PathLike) -> None:
    """Waits until a file, or the list of a folder, is on the disk.

    Arguments
    ---------
    path : str or os.PathLike
        Nothing happens to a folder where none can be opened (Windows), or its
        file system does not know that (shares of other machines).
    """
    folder = os.path.isdir(path)
    if folder and not POSIX:
        return
    descriptor = os.open(path, os.O_RDONLY if POSIX else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not folder or error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(path: str | os.PathLike):
    """Tells other processes that somebody works on a file or folder, until
    the block, or this process, ends.

    Arguments
    ---------
    path : str or os.PathLike
        It is there.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with held(folder):
    ...     list(abandoned(folder.parent, folder.name))
    []
    >>> len(list(abandoned(folder.parent, folder.name)))
    1
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # some file systems know no locks
            stack.enter_context(_locked(path, wait=True))
        yield


def abandoned(folder: str | os.PathLike, pattern: str) -> Iterator[Path]:
    """Finds what killed processes have left, see `held`.

    Arguments
    ---------
    folder : str or os.PathLike
        Where to look.
    pattern : str
        Of the names there.

    Yields
    ------
    pathlib.Path
        A file or folder on which nobody works.
    """
    for path in sorted(Path(folder).glob(pattern)):
        with contextlib.suppress(OSError), _locked(path, wait=False):
            yield path


@contextlib.contextmanager
def _locked(path, wait):
    """A lock; waits while another process has it, or raises OSError."""
    if fcntl is None:
        yield
        return
    flags = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR
    descriptor = os.open(path, flags)
    try:
        # Who removes what was abandoned may have it, for an instant.
        how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def claim(folder: str | os.PathLike) -> None:
    """Makes a folder that of this process alone, until it ends, however that
    is: the lock is the system's, and none of a process that it forks.

    Arguments
    ---------
    folder : str or os.PathLike
        It is there.

    Raises
    ------
    ValueError
        If another process has it.

    Example
    -------
    >>> claim(getfixture("tmp_path"))
    """
    if fcntl is None:
        return
    descriptor = os.open(Path(folder, ".lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # some file systems know no locks
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise ValueError(
                f"{folder}: another process writes there now. Wait until it "
                "has ended, or end it, or give another folder."
            ) from None


@functools.cache
def _remove_abandoned(folder: str) -> None:
    """Deletes unfinished files on which nobody works, once in a process."""
    for path in abandoned(folder, f".*{PARTIAL}"):
        with contextlib.suppress(OSError):
            path.unlink()


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
