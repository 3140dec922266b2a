"""One audio file, of any length, is enhanced into another in constant memory.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.formats import Layout, choose_layout
from dispatch_sb.enhance.chunked import ChunkedEnhancer
from dispatch_sb.enhance.enhancer import StreamingEnhancer
from dispatch_sb.enhance.rates import SignalEnhancer
from dispatch_sb.enhance.sound_files import (
    create_audio,
    open_audio,
    read_blocks,
    write_block,
)


class Enhanced(NamedTuple):
    """What became of a file.

    Arguments
    ---------
    seconds : float
        Its duration.
    replaced : int
        How many of its values were NaN or infinite, and became silence.
    """

    seconds: float
    replaced: int


def enhance_file(
    enhancer: StreamingEnhancer | ChunkedEnhancer,
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO,
    layout: Layout | None = None,
    advance: Callable[[float], None] | None = None,
) -> Enhanced:
    """Enhances an audio file of any rate, channels, format and length.

    The output has the input's rate, channels and number of samples and is
    aligned with it. It appears under its name when it is complete.

    Arguments
    ---------
    enhancer : StreamingEnhancer or ChunkedEnhancer
        See `enhancer_of`.
    source : str or os.PathLike or BinaryIO
        A path, or a binary file that can seek.
    target : str or os.PathLike or BinaryIO
        The same; missing folders are made.
    layout : Layout, optional
        Format to write; default: that of the suffix of ``target``, or of
        ``source`` if that is a binary file.
    advance : callable, optional
        Told after each block how many seconds of audio it had.

    Returns
    -------
    Enhanced
        Duration, and what had to be replaced.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no audio, damaged or truncated, or does not fit the format.

    Example
    -------
    >>> from dispatch_sb.data import probe, write_audio
    >>> from dispatch_sb.models import FastEnhancer
    >>> enhancer = StreamingEnhancer(FastEnhancer.from_size("T"))
    >>> folder = getfixture("tmp_path")
    >>> write_audio(folder / "noisy.wav", np.zeros(44100), 44100)
    >>> enhance_file(enhancer, folder / "noisy.wav", folder / "out.flac")
    Enhanced(seconds=1.0, replaced=0)
    >>> probe(folder / "out.flac")
    AudioInfo(samples=44100, sample_rate=44100, channels=1)
    """
    with open_audio(source) as file:
        is_path = isinstance(target, (str, os.PathLike))
        suffix = Path(target).suffix if is_path else None
        layout = layout or choose_layout(file.format, file.subtype, suffix)
        if not is_path:
            return _enhance(enhancer, file, target, layout, advance)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:
            return _enhance(enhancer, file, temporary, layout, advance)


def _enhance(enhancer, file: soundfile.SoundFile, target, layout, advance):
    """From an open file into one that is created."""
    rate, channels = file.samplerate, file.channels
    signal = SignalEnhancer(enhancer, rate, channels)
    samples = replaced = 0
    with create_audio(target, layout, rate, channels, file.frames) as output:
        for block in read_blocks(file):
            bad = ~np.isfinite(block)  # one would spoil all that follows
            block[bad] = 0
            replaced += int(bad.sum())
            samples += len(block)
            write_block(output, signal.push(block))
            if advance:
                advance(len(block) / rate)
        write_block(output, signal.finish())
    return Enhanced(samples / rate, replaced)
