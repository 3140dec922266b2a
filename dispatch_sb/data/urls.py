"""Files at any URL as streams: local, http, what webdataset opens (pipe:, gs:,
hf:, …) and what fsspec opens (s3:, …); a failure is tried again, then named.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import http.client
import logging
import os
import re
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import fsspec

logger = logging.getLogger(__name__)

TRIES = 4
WAIT = 1.0  # seconds before the second try; twice as long before each other
TIMEOUT = 60.0  # seconds without a byte
# What a broken connection or a damaged file raises while it is read.
BROKEN = (OSError, EOFError, tarfile.TarError, http.client.HTTPException)
PASSING = {408, 425, 429}  # codes below 500 that may be gone the next time
NO_HEAD = {403, 405, 501}  # of servers that answer to GET alone


class ShardError(RuntimeError):
    """Training data cannot be read: which file, why, and what to do."""


def import_webdataset() -> Any:
    """The package webdataset.

    Returns
    -------
    module
        It comes with an extra of ours.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import webdataset
    except ImportError as error:
        raise ImportError(
            "Shards need the package webdataset: pip install "
            '"dispatch-sb[shards]".'
        ) from error
    return webdataset


def local_path(url: str) -> str | None:
    """The path of a file on this machine.

    Arguments
    ---------
    url : str
        A path or a URL.

    Returns
    -------
    str or None
        None for anything else.

    Example
    -------
    >>> local_path("file:///data/a.tar"), local_path("http://host/a.tar")
    ('/data/a.tar', None)
    """
    scheme = re.match(r"([A-Za-z][\w+.-]+):", url)
    if scheme is None:
        return url
    if scheme[1].lower() != "file":
        return None
    return urllib.request.url2pathname(re.sub("^file:(//)?", "", url))


def open_url(url: str) -> BinaryIO:
    """Opens what a URL names, to be read once from its beginning.

    Arguments
    ---------
    url : str
        A path or a URL. ``pipe:COMMAND`` runs a command of the shell and
        reads what it prints.

    Returns
    -------
    file object
        Of bytes; it may not be able to seek.
    """
    path = local_path(url)
    if path is not None:
        return open(path, "rb")
    scheme = url.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return urllib.request.urlopen(url, timeout=TIMEOUT)
    webdataset = import_webdataset()
    if scheme in webdataset.gopen_schemes:
        return webdataset.gopen(url, "rb")
    system, inside = _file_system(url)
    return system.open(inside, "rb")


@contextlib.contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """As `open_url`, and closes it. A command that is stopped before its end
    may complain: that is no failure.

    Arguments
    ---------
    url : str
        See `open_url`.

    Yields
    ------
    file object
        Of bytes.
    """
    stream = open_url(url)
    try:
        yield stream
    finally:
        with contextlib.suppress(OSError):
            stream.close()


def size_of(url: str) -> int | None:
    """How many bytes a URL holds, asked without reading them.

    Arguments
    ---------
    url : str
        See `open_url`.

    Returns
    -------
    int or None
        None where that cannot be asked, as of a command.
    """
    path = local_path(url)
    if path is not None:
        return os.path.getsize(path)
    scheme = url.partition(":")[0].lower()
    if scheme in ("http", "https"):
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                length = answer.headers["Content-Length"]
        except urllib.error.HTTPError as error:
            if error.code in NO_HEAD:
                return None
            raise
        return None if length is None else int(length)
    if scheme in import_webdataset().gopen_schemes:
        return None
    system, inside = _file_system(url)
    return system.size(inside)


def _file_system(url: str) -> tuple:
    """What fsspec opens a URL with, and the path in it."""
    try:
        return fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:  # an unknown one, or no driver
        raise ShardError(f"{url} cannot be opened: {error}") from error


def retried(action: Callable[[str], Any], url: str) -> Any:
    """Does something with a URL, again if it fails.

    Arguments
    ---------
    action : callable
        Takes the URL.
    url : str
        See `open_url`.

    Returns
    -------
    object
        What the action returned.

    Raises
    ------
    ShardError
        If it failed each time.

    Example
    -------
    >>> retried(size_of, "no/such.tar")
    Traceback (most recent call last):
    ...
    dispatch_sb.data.urls.ShardError: no/such.tar cannot be read (...): ...
    """
    attempt = 0
    while True:
        try:
            return action(url)
        except BROKEN as error:
            attempt += 1
            wait_or_give_up(error, attempt, url)


def wait_or_give_up(error: Exception, attempt: int, url: str) -> None:
    """After a failure: waits a while, if another try may help.

    Arguments
    ---------
    error : Exception
        What failed, one of `BROKEN`.
    attempt : int
        How often it was tried.
    url : str
        What was to be read.

    Raises
    ------
    ShardError
        If it was tried often enough, or will fail again for certain.
    """
    code = getattr(error, "code", 500)  # of HTTP
    lost = isinstance(code, int) and code < 500 and code not in PASSING
    if lost or attempt == TRIES or local_path(url) is not None:
        times = f", tried {attempt} times" if attempt > 1 else ""
        raise ShardError(
            f"{url} cannot be read ({_reason(error)}{times}): check that it "
            "is there, whole and open to you, or write it again with "
            "dispatch-sb shard."
        ) from error
    wait = WAIT * 2 ** (attempt - 1)
    logger.warning("%s: %s; again in %g s", url, _reason(error), wait)
    time.sleep(wait)


def _reason(error: Exception) -> str:
    """What an error says, without what webdataset adds to it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}".strip()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    told = str(error.args[0]) if error.args else ""
    return told.partition(" @ ")[0] or type(error).__name__
