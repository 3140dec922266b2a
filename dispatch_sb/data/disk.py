"""What disks and file systems refuse: found before the work where that is
possible, and said in one sentence.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

PROBE = 1 << 16  # bytes
GO_ON = "give the same command again: it goes on from what is finished."
# What no file after this one would be spared.
FOR_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
REFUSALS = {
    errno.EDQUOT: "your quota of its disk is used up. Make room, and {again}",
    errno.EFBIG: "it would be larger than this process, or the file system, "
    "may write. Raise the limit (ulimit -f), and {again}",
    errno.EROFS: "its disk is read-only. Make it writable, or give another "
    "folder.",
    errno.EACCES: "the permission is missing. Change it (ls -ld shows it), or "
    "give another path.",
    errno.ENAMETOOLONG: "a part of its path has a name of more than 255 "
    "bytes, or all of it is too long. Shorten it.",
    errno.ENOTDIR: "a file is in the place of one of its folders. Move that "
    "away, or give another path.",
    errno.EEXIST: "a file is in its place. Move that away, or give another "
    "path.",
    errno.EISDIR: "it is a folder, not a file. Give another path.",
    errno.ENOENT: "it does not exist. Check the path.",
    errno.EIO: "its disk reports an error. Check the disk (dmesg), and {again}",
    errno.EMFILE: "too many files are open. Raise the limit (ulimit -n), or "
    "take fewer workers, and {again}",
}
REFUSALS[errno.EPERM] = REFUSALS[errno.EACCES]


class DataError(ValueError):
    """Data that were there when they were prepared are not there any more, or
    have changed: which, and what to do."""


def in_words(error: BaseException) -> str:
    """What went wrong, for a user.

    Arguments
    ---------
    error : BaseException
        Our own are sentences. Of one of the operating system, the file, the
        reason and the remedy are told; of one that a DataLoader's worker sent,
        what it said there, without its traceback.

    Returns
    -------
    str
        A sentence.

    Example
    -------
    >>> in_words(OSError(errno.EROFS, "Read-only file system", "a/b.wav"))
    'a/b.wav: its disk is read-only. Make it writable, or give another folder.'
    >>> in_words(ValueError("lr is -1."))
    'lr is -1.'
    """
    if not isinstance(error, OSError) or error.errno is None:
        name = re.escape(type(error).__name__)
        worker = rf"\ACaught .*^(?:[\w.]+\.)?{name}: "
        said = re.sub(worker, "", str(error), flags=re.DOTALL | re.MULTILINE)
        return said.strip()
    name = error.filename
    if error.errno == errno.ENOSPC:
        return (
            f"{name or 'A file'} cannot be written: the disk is full, without "
            f"it {_in_units(_free_bytes(name or '.'))} are free. Make room, "
            f"and {GO_ON}"
        )
    if error.errno not in REFUSALS:
        return str(error)
    return f"{name or 'A file'}: {REFUSALS[error.errno].format(again=GO_ON)}"


@contextlib.contextmanager
def naming(path: str | os.PathLike, partial: str | os.PathLike = ""):
    """Inside, an error of the operating system that names no file, as those
    of writing do, is given a name.

    Arguments
    ---------
    path : str or os.PathLike
        What is written.
    partial : str or os.PathLike
        Its name until then, if it has another.

    Example
    -------
    >>> with naming("a/b.wav"):
    ...     raise OSError(errno.EFBIG, "File too large")
    Traceback (most recent call last):
    ...
    OSError: [Errno 27] File too large: 'a/b.wav'
    """
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None or str(error.filename) == str(partial)
        if error.errno is not None and unnamed:
            error.filename = os.fspath(path)
        raise


@contextlib.contextmanager
def reading(utterance: str = ""):
    """Inside, data are read that were good when they were prepared.

    Arguments
    ---------
    utterance : str
        Its id, for the message.

    Raises
    ------
    DataError
        If they are not any more.

    Example
    -------
    >>> with reading("ann_01"):
    ...     raise FileNotFoundError("a.wav does not exist.")
    Traceback (most recent call last):
    ...
    dispatch_sb.data.disk.DataError: ann_01: a.wav does not exist. If ...
    """
    try:
        yield
    except (OSError, ValueError) as error:
        whose = f"{utterance}: " if utterance else ""
        raise DataError(
            f"{whose}{in_words(error)} If it has changed since the data "
            f"were prepared, put it back as it was, and {GO_ON}"
        ) from error


def writable_folder(
    folder: str | os.PathLike,
    needs: float = 0,
    probe: int = PROBE,
    make: bool = True,
    apart: Iterable[str | os.PathLike] = (),
) -> Path:
    """Makes a folder if it is not there, and sees to it that files can be
    written into it, by writing one that has no name.

    Arguments
    ---------
    folder : str or os.PathLike
        The folder.
    needs : float
        Bytes that are going to be written, at least.
    probe : int
        Bytes that are written to see.
    make : bool
        False: a folder that is not there is left for later, and the one that
        would hold it is tried.
    apart : iterable of str or os.PathLike
        Folders that are searched for files; it may not lie in them.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OSError
        If that is refused, or not so much is free.
    ValueError
        If it lies where it may not.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> writable_folder(folder / "a" / "b").is_dir()
    True
    >>> writable_folder(folder, needs=1e18)
    Traceback (most recent call last):
    ...
    OSError: ... at least 1,000,000,000.0 GB are needed, ... GB are free: ...
    """
    folder = place = Path(folder)
    if folder.parts[:1] == ("~",):
        raise ValueError(
            f"{folder} would be a folder named ~: write a blank before it, "
            "not =, so that the shell puts your home there, or all of it."
        )
    for other in apart:
        if folder.resolve().is_relative_to(Path(other).resolve()):
            raise ValueError(
                f"{folder} lies in {other}, and what is written would count as "
                "part of that: give another folder."
            )
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place, buffering=0) as file:
            while probe:
                probe -= file.write(bytes(min(probe, PROBE)))
    except OSError as error:
        error.filename = os.fspath(folder)
        raise
    free = _free_bytes(folder)
    if needs > free:
        raise OSError(
            f"{folder}: at least {_in_units(needs)} are needed, "
            f"{_in_units(free)} are free: make room, or give another folder."
        )
    return folder


def _free_bytes(path) -> int:
    """How much room there is for a file or folder, which need not be there."""
    path = Path(os.path.abspath(path))
    while not os.path.exists(path):
        path = path.parent
    return shutil.disk_usage(path).free


def _in_units(count: float) -> str:
    """Bytes in MB or GB."""
    if count < 1e8:
        return f"{count / 1e6:,.1f} MB"
    return f"{count / 1e9:,.1f} GB"


class Told:
    """A binary file for a library that does not tell why it could not write:
    that is raised where the file is closed.

    Arguments
    ---------
    file : BinaryIO
        Without a buffer of its own.

    Example
    -------
    >>> import io, soundfile
    >>> file = io.BytesIO()
    >>> with Told(file) as told:
    ...     soundfile.write(told, [0.5], 16000, format="WAV")
    >>> len(file.getvalue()) > 44
    True
    """

    def __init__(self, file):
        self._file, self._problem = file, None
        for name in ("read", "readinto", "seek", "tell", "flush"):
            if hasattr(file, name):
                setattr(self, name, getattr(file, name))

    def write(self, data: bytes) -> int:
        """Writes all, or nothing more."""
        done = 0
        try:
            while self._problem is None and done < len(data):
                done += self._file.write(data[done:])
        except OSError as error:
            self._problem = error
        return done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._problem is not None:
            raise self._problem
