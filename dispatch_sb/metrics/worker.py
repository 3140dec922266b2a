"""The far end of a `WorkerPool`: reads calls from stdin, answers on stdout.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import pickle
import signal
import struct
from typing import Any, BinaryIO

READY = "ready"
_LENGTH = struct.Struct(">Q")
STOP = _LENGTH.pack(0)  # an empty message


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message.

    Arguments
    ---------
    stream : BinaryIO
        Where to.
    message : Any
        Something picklable; nothing is written if it is not.

    Example
    -------
    >>> import io
    >>> stream = io.BytesIO()
    >>> send(stream, "hello")
    >>> _ = stream.seek(0)
    >>> receive(stream)
    'hello'
    """
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message.

    Arguments
    ---------
    stream : BinaryIO
        Where from.

    Returns
    -------
    Any
        What was sent.

    Raises
    ------
    EOFError
        If the other side is gone.

    Example
    -------
    >>> import io
    >>> receive(io.BytesIO())
    Traceback (most recent call last):
        ...
    EOFError: the other process is gone
    """
    return pickle.loads(_read_body(stream))


def serve() -> None:
    """Answer calls until stdin ends; the main function of a worker.

    A message is (function, arguments); the answer ("value", result) or
    ("error", reason). An empty message ends the worker.
    """
    # Ctrl-C reaches the whole process group; the parent decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # A library that prints must not write into the answers.
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    send(answers, READY)
    try:
        while request := _read_body(requests):
            send(answers, _answer(request))
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone: nobody is left to answer


def _answer(request):
    try:
        function, arguments = pickle.loads(request)
        return "value", function(*arguments)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"


def _read_body(stream):
    return _read(stream, _LENGTH.unpack(_read(stream, _LENGTH.size))[0])


def _read(stream, size):
    body = stream.read(size)
    if len(body) < size:
        raise EOFError("the other process is gone")
    return body
