"""Audio files of any format in and out, block by block.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from dispatch_sb.data import probe
from dispatch_sb.data.formats import Layout

BYTES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
PCM_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
UNKNOWN_LENGTH = 1 << 62  # libsndfile's answer to headers without a length
LARGEST_WAV = 0xFFFF0000  # bytes; the header counts with 32 bits
MP3_FRAME = 1152  # samples; an MP3's header may promise one or two too many
BLOCK_VALUES = 1 << 16  # samples of all channels together


def open_audio(source: str | os.PathLike | BinaryIO) -> soundfile.SoundFile:
    """Opens a file, or what a pipe was copied to, for reading in blocks.

    Arguments
    ---------
    source : str or os.PathLike or BinaryIO
        A path; or a binary file that can seek, which may be shorter than its
        header promises: programs that write into pipes do not know better.

    Returns
    -------
    soundfile.SoundFile
        To be closed by the caller.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no audio, or truncated.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            probe(source)
            return soundfile.SoundFile(os.fspath(source))
        except TypeError as error:  # soundfile's word for headerless files
            raise ValueError(
                f"{source} has no header that says its rate: convert it to WAV."
            ) from error
    try:
        source.seek(0)
        return soundfile.SoundFile(source)
    except soundfile.SoundFileError as error:
        raise ValueError(
            "standard input is no audio file that libsndfile reads "
            f"({error.error_string.rstrip('.')})."
        ) from error


def read_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Reads a file to its end.

    Arguments
    ---------
    file : soundfile.SoundFile
        Open for reading.

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
        seconds = taken / file.samplerate
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise ValueError(
            f"it is damaged near {seconds:.1f} s"
            + (f" ({reason})" if reason else "")
            + ": copy it again, or delete it."
        ) from error
    slack = 2 * MP3_FRAME if file.format == "MP3" else 0
    if taken + slack < file.frames < UNKNOWN_LENGTH:
        raise ValueError(
            f"it is truncated (its header promises {file.frames} samples, it "
            f"holds {taken}): copy it again, or delete it."
        )


def create_audio(
    target: str | os.PathLike | BinaryIO,
    layout: Layout,
    sample_rate: int,
    channels: int,
    samples: int = 0,
) -> soundfile.SoundFile:
    """Opens a file for writing.

    Arguments
    ---------
    target : str or os.PathLike or BinaryIO
        Path, or a binary file that can seek.
    layout : Layout
        Format and subtype.
    sample_rate : int
        In Hz.
    channels : int
        How many.
    samples : int
        Of each channel, if it is known.

    Returns
    -------
    soundfile.SoundFile
        To be closed by the caller.

    Raises
    ------
    ValueError
        If the format does not hold so many channels or samples, or that rate.
    """
    name, subtype, _ = layout
    size = samples * channels * BYTES.get(subtype, 1)
    if name in ("WAV", "WAVEX") and LARGEST_WAV < size < UNKNOWN_LENGTH:
        raise ValueError("it would be a WAV of over 4 GB: take --format w64.")
    try:
        return soundfile.SoundFile(
            target, "w", sample_rate, channels, subtype, format=name
        )
    except soundfile.SoundFileError as error:
        raise ValueError(
            f"{name} ({subtype}) cannot hold {channels} channel(s) at "
            f"{sample_rate} Hz, or the folder cannot be written "
            f"({error.error_string.rstrip('.')}): try another --format."
        ) from error


def write_block(file: soundfile.SoundFile, block: np.ndarray) -> None:
    """Appends samples; integers are rounded to nearest, and clip.

    Arguments
    ---------
    file : soundfile.SoundFile
        Open for writing.
    block : np.ndarray
        float32 ``[samples, channels]``, full scale 1.0.
    """
    bits = PCM_BITS.get(file.subtype)
    if bits is not None:  # libsndfile would round down
        full = 2.0 ** (bits - 1)
        block = np.rint(block.astype(np.float64) * full).clip(-full, full - 1)
        block = block.astype(np.int32) << (32 - bits)
    file.write(block)
