"""One file or pipe, of any length, is enhanced into another in constant
memory.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch

from dispatch_sb.data.audio import Sound, narrow_band, open_sound
from dispatch_sb.data.disk import naming
from dispatch_sb.data.formats import Layout, choose_layout
from dispatch_sb.enhance.chunked import ChunkedEnhancer
from dispatch_sb.enhance.enhancer import StreamingEnhancer
from dispatch_sb.enhance.sound_files import (
    PATH,
    audio_writer,
    read_blocks,
    resampled,
)


class Enhanced(NamedTuple):
    """What became of a file.

    Arguments
    ---------
    seconds : float
        Its duration.
    replaced : int
        How many of its values were NaN or infinite, and became silence.
    clipped : int
        How many enhanced values passed the full scale of the format.
    narrow : str
        What it lacks beside what the model knows, see `narrow_band`.
    """

    seconds: float
    replaced: int
    clipped: int = 0
    narrow: str = ""


def enhance_file(
    enhancer: StreamingEnhancer | ChunkedEnhancer,
    source: str | os.PathLike | BinaryIO,
    target: str | os.PathLike | BinaryIO,
    layout: Layout | str | None = None,
    advance: Callable[[float], None] | None = None,
) -> Enhanced:
    """Enhances audio of any rate, channels, format and length.

    The output has the input's rate, channels and number of samples and is
    aligned with it. No level is normalised; what passes the full scale of
    integer samples is clipped and counted. A file appears under its name when
    it is complete.

    Audio formats need to seek, pipes cannot: of a stream, what comes in, and
    what goes out, is kept in unnamed temporary files (in ``TMPDIR``), so that
    memory stays constant, the header is right, and nothing goes out after a
    failure.

    Arguments
    ---------
    enhancer : StreamingEnhancer or ChunkedEnhancer
        See `enhancer_of`.
    source : str or os.PathLike or BinaryIO
        A path, or a binary stream to be read to its end.
    target : str or os.PathLike or BinaryIO
        A path, or a binary stream; missing folders are made.
    layout : Layout or str, optional
        How to write it, or a format or suffix; default: the suffix of a path,
        WAV into a stream.
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
    Enhanced(seconds=1.0, replaced=0, clipped=0, narrow='')
    >>> probe(folder / "out.flac")
    AudioInfo(samples=44100, sample_rate=44100, channels=1)
    """
    to_path = isinstance(target, PATH)
    with _seekable(source) as readable, open_sound(readable) as file:
        if not isinstance(layout, Layout):
            suffix = Path(target).suffix if to_path else "wav"
            layout = choose_layout(file.format, file.subtype, layout or suffix)
        if to_path:
            return _enhance(enhancer, file, target, layout, advance)
        with (
            naming(tempfile.gettempdir()),
            tempfile.TemporaryFile(buffering=0) as finished,
        ):
            result = _enhance(enhancer, file, finished, layout, advance)
            finished.seek(0)
            shutil.copyfileobj(finished, target)
            target.flush()
        return result


def enhance_blocks(
    enhancer: StreamingEnhancer | ChunkedEnhancer,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
) -> Iterator[np.ndarray]:
    """Enhances one signal block by block, resampled to the enhancer's rate
    and back.

    The joined output is as long as the joined input and aligned with it.
    Channels are enhanced side by side, each on its own. What lies above half
    of the model's rate is lost.

    Arguments
    ---------
    enhancer : StreamingEnhancer or ChunkedEnhancer
        Does the work; it is not changed.
    blocks : iterable of np.ndarray
        float32 ``[samples, channels]``.
    sample_rate : int
        Of the signal, in Hz.
    channels : int
        Of the signal.

    Yields
    ------
    np.ndarray
        What is ready, of the same form.

    Raises
    ------
    ValueError
        If the model returns values that are no finite numbers.

    Example
    -------
    >>> enhancer = ChunkedEnhancer(torch.nn.Identity())
    >>> blocks = [np.zeros((1000, 2), dtype=np.float32)] * 3
    >>> made = list(enhance_blocks(enhancer, blocks, 44100, 2))
    >>> sum(map(len, made)), made[0].shape[1]
    (3000, 2)
    """
    owed = 0  # samples that came in and have not gone out

    def counted():
        nonlocal owed
        for block in blocks:
            owed += len(block)
            yield block

    rates = sample_rate, enhancer.sample_rate
    there = resampled(counted(), *rates, channels)
    enhanced = _through(enhancer, there, channels)
    for block in resampled(enhanced, *reversed(rates), channels):
        if not np.isfinite(block).all():
            raise ValueError(
                "the model returned values that are no finite numbers: "
                "check the model on another file."
            )
        block = block[:owed]  # rounding to a rate and back may add a sample
        owed -= len(block)
        yield block
    yield np.zeros((owed, channels), np.float32)  # or lose one


def _through(enhancer, blocks, channels) -> Iterator[np.ndarray]:
    """Blocks at the enhancer's own rate."""
    state = enhancer.initial_state(channels)
    for block in blocks:
        samples = torch.as_tensor(block.T, device=state[0].device)
        ready, state = enhancer(samples, state)
        yield np.ascontiguousarray(ready.T.cpu().numpy())
    yield np.ascontiguousarray(enhancer.finish(state).T.cpu().numpy())


def _enhance(enhancer, file: Sound, target, layout, advance):
    """From an open file into one that is created."""
    rate, channels = file.samplerate, file.channels
    samples = replaced = clipped = 0

    def finite():  # one NaN would spoil all that follows
        nonlocal samples, replaced
        for block in read_blocks(file):
            bad = ~np.isfinite(block)
            block[bad] = 0
            replaced += int(bad.sum())
            samples += len(block)
            yield block
            if advance:
                advance(len(block) / rate)

    with audio_writer(target, layout, rate, channels, file.frames) as write:
        for block in enhance_blocks(enhancer, finite(), rate, channels):
            clipped += write(block)
    narrow = narrow_band(rate, enhancer.sample_rate)
    return Enhanced(samples / rate, replaced, clipped, narrow)


@contextlib.contextmanager
def _seekable(source) -> Iterator[str | os.PathLike | BinaryIO]:
    """A path as it is, a stream as a temporary file."""
    if isinstance(source, PATH):
        yield source
        return
    with tempfile.TemporaryFile() as spool:
        with naming(tempfile.gettempdir()):
            shutil.copyfileobj(source, spool)
            spool.seek(0)
        yield spool
