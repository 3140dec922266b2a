"""A visitor's audio file becomes what the models take, or a sentence about
why it cannot.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dispatch_sb.data.audio import (
    narrow_band,
    probe,
    read_channels,
    resample,
)

LONGEST = 60.0  # s
MOST = 1 << 26  # samples of all channels: six of 60 s at 186 kHz
SHORTEST = 0.25  # s: what PESQ needs, and more than one window of the losses
SILENT = 1e-5  # largest sample of what counts as silent: -100 dB
SLACK = 0.05  # s by which a clean recording may be longer or shorter


class Recording(NamedTuple):
    """A recording that the models can take.

    Arguments
    ---------
    samples : np.ndarray
        One channel of float32 samples `[samples]`, as loud as in the file.
    notes : list of str
        What was converted, in sentences.
    """

    samples: np.ndarray
    notes: list[str]


def read_recording(
    path: str | os.PathLike, sample_rate: int, name: str = "recording"
) -> Recording:
    """Reads any audio file as one channel at a sample rate.

    Channels are averaged, the rate is changed with soxr, the level stays.

    Arguments
    ---------
    path : str or os.PathLike
        Any format that libsndfile reads.
    sample_rate : int
        The rate that the models work at, in Hz.
    name : str
        What the messages call it.

    Returns
    -------
    Recording
        Its samples, and what was converted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no audio, too long, too short, silent, or not finite.

    Example
    -------
    >>> import soundfile
    >>> path = getfixture("tmp_path") / "stereo.wav"
    >>> soundfile.write(path, np.full((48000, 2), 0.5), 48000)
    >>> recording = read_recording(path, 16000)
    >>> recording.samples.shape, recording.notes
    ((16000,), ['The recording was converted from 48000 Hz, 2 channels to
    16000 Hz, one channel.'])
    """
    # The header first: a file of hours is refused before it is read.
    header = _or_say_why(probe, path)
    _check_length(header.seconds, name)
    if header.samples * header.channels > MOST:
        raise ValueError(
            f"The {name} has {header.channels} channels of "
            f"{header.sample_rate} Hz: give the page one with fewer."
        )
    channels, info = _or_say_why(read_channels, path)
    finite = np.isfinite(channels).all(axis=1)
    if not finite.all():
        place = float(np.argmin(finite)) / info.sample_rate
        raise ValueError(
            f"The {name} holds NaN or infinity, first at {place:.3f} s: "
            "export it again."
        )
    if np.abs(channels).max() < SILENT:
        raise ValueError(
            f"The {name} is silent: check the microphone or the file."
        )
    had, gets = [], []
    if info.sample_rate != sample_rate:
        had.append(f"{info.sample_rate} Hz")
        gets.append(f"{sample_rate} Hz")
    if info.channels != 1:
        had.append(f"{info.channels} channels")
        gets.append("one channel")
    words = f"from {', '.join(had)} to {', '.join(gets)}"
    if narrow := narrow_band(info.sample_rate, sample_rate):
        words += f"; it is {narrow}"
    notes = [f"The {name} was converted {words}."] if had else []
    samples = resample(channels.mean(axis=1), info.sample_rate, sample_rate)
    return Recording(samples, notes)


def fit_clean(
    noisy: np.ndarray, clean: np.ndarray, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a recording and its clean version to one length.

    Arguments
    ---------
    noisy, clean : np.ndarray
        Samples `[samples]`.
    sample_rate : int
        In Hz.

    Returns
    -------
    tuple of np.ndarray
        Noisy and clean, equally long.

    Raises
    ------
    ValueError
        If they differ by more than 0.05 s: then they are not of the same
        utterance, or one is shifted.

    Example
    -------
    >>> [len(one) for one in fit_clean(np.ones(900), np.ones(899), 16000)]
    [899, 899]
    """
    lengths = [len(one) / sample_rate for one in (noisy, clean)]
    if abs(lengths[0] - lengths[1]) > SLACK:
        raise ValueError(
            f"The clean recording is {lengths[1]:.2f} s long and the noisy "
            f"one {lengths[0]:.2f} s: they must hold the same utterance, "
            "sample for sample. Give another, or none."
        )
    end = min(len(noisy), len(clean))
    return noisy[:end], clean[:end]


def _check_length(seconds: float, name: str) -> None:
    """Refuses what is too long or too short."""
    if seconds > LONGEST:
        raise ValueError(
            f"The {name} is {seconds:.1f} s long, and this page takes up to "
            f"{LONGEST:g} s: cut it with the scissors below its waveform, or "
            "give the page a shorter one."
        )
    if seconds < SHORTEST:
        raise ValueError(
            f"The {name} is {seconds:.2f} s long, and {SHORTEST} s are "
            "needed: give the page a longer one."
        )


def _or_say_why(read: Callable, path: str | os.PathLike):
    """Reads something of a file; what is wrong with it is told for a visitor,
    who knows the file's name, not where the page has put it."""
    try:
        return read(path)
    except ValueError as error:
        reason = str(error).replace(os.fspath(path), Path(path).name)
        raise ValueError(
            f"{reason.rpartition(': ')[0]}: give the page another file, such "
            "as WAV, FLAC, Ogg or MP3."
        ) from error
