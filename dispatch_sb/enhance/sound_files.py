"""Audio files of any format, rate and length, block by block.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from dispatch_sb.data.audio import Sound
from dispatch_sb.data.disk import Told
from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.formats import Layout

BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
LARGEST_WAV = 0xFFFF0000  # bytes; the header counts with 32 bits
MP3_FRAME = 1152  # samples; an MP3's header may promise one or two too many
BLOCK_VALUES = 1 << 16  # samples of all channels together
PATH = (str, os.PathLike)  # else it is a binary file


def read_blocks(file: Sound) -> Iterator[np.ndarray]:
    """Reads a file to its end.

    Arguments
    ---------
    file : Sound
        Open for reading, see `dispatch_sb.data.audio.open_sound`.

    Yields
    ------
    np.ndarray
        float32 ``[samples, channels]``, at most ``BLOCK_VALUES`` values.

    Raises
    ------
    ValueError
        If the file is damaged, or shorter than it promises.
    """
    size = max(BLOCK_VALUES // file.channels, 1)
    taken = 0
    try:
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            taken += len(block)
            yield block
    except soundfile.SoundFileError as error:
        raise ValueError(
            f"it is damaged near {taken / file.samplerate:.1f} s ({error}): "
            "copy it again, or delete it."
        ) from error
    slack = 2 * MP3_FRAME if file.format == "MP3" else 0
    if taken + slack < file.frames:
        raise ValueError(
            f"it is truncated (its header promises {file.frames} samples, it "
            f"holds {taken}): copy it again, or delete it."
        )


def resampled(
    blocks: Iterable[np.ndarray], from_rate: int, to_rate: int, channels: int
) -> Iterator[np.ndarray]:
    """A signal at another rate, block by block (soxr, HQ, which compensates
    its own delay).

    Arguments
    ---------
    blocks : iterable of np.ndarray
        float32 ``[samples, channels]``.
    from_rate, to_rate : int
        In Hz.
    channels : int
        Of the signal.

    Yields
    ------
    np.ndarray
        What is ready, of the same form.

    Example
    -------
    >>> second = np.zeros((48000, 1), dtype=np.float32)
    >>> sum(map(len, resampled([second], 48000, 16000, 1)))
    16000
    """
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, channels, "float32", "HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)


@contextlib.contextmanager
def audio_writer(
    target: str | os.PathLike | BinaryIO,
    layout: Layout,
    sample_rate: int,
    channels: int,
    samples: int = 0,
) -> Iterator[Callable[[np.ndarray], None]]:
    """Writes a file block by block; integers are rounded to nearest, and clip.

    Arguments
    ---------
    target : str or os.PathLike or BinaryIO
        A path, where the file appears when it is complete (missing folders
        are made), or a binary file that can seek.
    layout : Layout
        Format and subtype.
    sample_rate : int
        In Hz.
    channels : int
        How many.
    samples : int
        Of each channel, if it is known.

    Yields
    ------
    callable
        Takes the next float32 block ``[samples, channels]``, full scale 1.0;
        returns how many values clipped.

    Raises
    ------
    ValueError
        If the format does not hold so many channels or samples, or that rate.

    Example
    -------
    >>> path = getfixture("tmp_path") / "new" / "silence.wav"
    >>> with audio_writer(path, Layout("WAV", "PCM_16", ""), 8000, 2) as write:
    ...     write(np.full((5, 2), 1.5, dtype=np.float32))
    10
    >>> soundfile.info(path).frames
    5
    """
    name, subtype, _ = layout
    bits = BITS.get(subtype, 8)
    size = samples * channels * bits // 8
    if name in ("WAV", "WAVEX") and LARGEST_WAV < size:
        raise ValueError("it would be a WAV of over 4 GB: take --format w64.")
    with contextlib.ExitStack() as stack:
        if isinstance(target, PATH):
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            target = stack.enter_context(atomic_path(target, listed=False))
            target = stack.enter_context(open(target, "w+b", buffering=0))
        target = stack.enter_context(Told(target))
        try:
            file = soundfile.SoundFile(
                target, "w", sample_rate, channels, subtype, format=name
            )
        except soundfile.SoundFileError as error:
            raise ValueError(
                f"{name} ({subtype}) cannot hold {channels} channel(s) at "
                f"{sample_rate} Hz, or the folder cannot be written "
                f"({error.error_string.rstrip('.')}): try another --format."
            ) from error
        stack.enter_context(file)
        full = 2.0 ** (bits - 1)

        def write(block):
            clipped = 0
            if subtype.startswith("PCM_"):  # libsndfile would round down
                block = np.rint(block.astype(np.float64) * full)
                clipped = int((np.abs(block) > full).sum())
                block = block.clip(-full, full - 1).astype(np.int32)
                block = block << (32 - bits)
            file.write(block)
            return clipped

        yield write
