"""Audio from standard input, or to standard output.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from dispatch_sb.data.formats import choose_layout, is_audio_name
from dispatch_sb.enhance.chunked import ChunkedEnhancer
from dispatch_sb.enhance.enhancer import StreamingEnhancer
from dispatch_sb.enhance.one_file import Enhanced, enhance_file
from dispatch_sb.enhance.sound_files import open_audio

PIPE = "-"


def enhance_pipe(
    enhancer: StreamingEnhancer | ChunkedEnhancer,
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO,
    wanted: str | None = None,
    advance: Callable[[float], None] | None = None,
) -> Enhanced:
    """Enhances audio that comes out of a pipe, or goes into one.

    Audio formats need to seek, pipes cannot: what comes in, and what goes
    out, is kept in unnamed temporary files (in ``TMPDIR``), so that memory
    stays constant, the header is right, and nothing goes out after a failure.

    Arguments
    ---------
    enhancer : StreamingEnhancer or ChunkedEnhancer
        See `enhancer_of`.
    source : str or os.PathLike or BinaryIO
        A path, or a binary stream to be read to its end.
    target : str or os.PathLike or BinaryIO
        A path, or a binary stream.
    wanted : str, optional
        A format or suffix; default: that of the path ``target``, WAV into a
        stream.
    advance : callable, optional
        Told after each block how many seconds of audio it had.

    Returns
    -------
    Enhanced
        Duration, and what had to be replaced.

    Raises
    ------
    ValueError
        If it is no audio, damaged, or does not fit the format.

    Example
    -------
    >>> import io
    >>> import numpy as np
    >>> from torch import nn
    >>> from dispatch_sb.data import write_audio
    >>> path = getfixture("tmp_path") / "noisy.flac"
    >>> write_audio(path, np.zeros(8000), 8000, subtype="PCM_16")
    >>> output = io.BytesIO()
    >>> enhance_pipe(ChunkedEnhancer(nn.Identity()), path, output).seconds
    1.0
    >>> output.getvalue()[:4]
    b'RIFF'
    """
    to_path = isinstance(target, (str, os.PathLike))
    wanted = wanted or (Path(target).suffix if to_path else "wav")
    with _seekable(source) as source:
        with open_audio(source) as file:
            layout = choose_layout(file.format, file.subtype, wanted)
        if to_path:
            return enhance_file(enhancer, source, target, layout, advance)
        with tempfile.TemporaryFile() as finished:
            result = enhance_file(enhancer, source, finished, layout, advance)
            finished.seek(0)
            shutil.copyfileobj(finished, target)
            target.flush()
        return result


def check_pipe(inputs: Sequence[str], output: str) -> tuple[str, str]:
    """The only input, and the output, of a command that uses a pipe.

    Arguments
    ---------
    inputs : sequence of str
        Paths, or `PIPE`.
    output : str
        Path or `PIPE`.

    Returns
    -------
    tuple of (str, str)
        Source and target.

    Raises
    ------
    ValueError
        If there are several, or a folder is among them.

    Example
    -------
    >>> check_pipe(["-"], "enhanced.wav")
    ('-', 'enhanced.wav')
    """
    source = inputs[0]
    if len(inputs) > 1 or (source != PIPE and os.path.isdir(source)):
        raise ValueError(
            "a pipe carries one file: give one input and one output, "
            "or a folder to write to."
        )
    if output != PIPE and (os.path.isdir(output) or not is_audio_name(output)):
        raise ValueError(
            f"{output} is no audio file's name: what comes from standard "
            "input needs one, such as enhanced.wav."
        )
    return source, output


@contextlib.contextmanager
def _seekable(source) -> Iterator[str | os.PathLike | BinaryIO]:
    """A path as it is, a stream as a temporary file."""
    if isinstance(source, (str, os.PathLike)):
        yield source
        return
    with tempfile.TemporaryFile() as spool:
        shutil.copyfileobj(source, spool)
        spool.seek(0)
        yield spool
