"""Segments of recordings: drawn by a generator of their own, read without the
rest of the file, going round where a recording is too short.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispatch_sb.data.audio import check_format, probe, read_channels
from dispatch_sb.data.levels import SILENCE, rms

DRAWS = 50


def segment_samples(
    segment_seconds: float | None, sample_rate: int
) -> int | None:
    """Converts a segment's length from seconds to samples.

    Arguments
    ---------
    segment_seconds : float or None
        Length in s; None stands for whole utterances.
    sample_rate : int
        In Hz.

    Returns
    -------
    int or None
        Length in samples, 1 or more; None for whole utterances.

    Raises
    ------
    ValueError
        If the length is less than one sample.

    Example
    -------
    >>> segment_samples(0.5, 16000)
    8000
    """
    if segment_seconds is None:
        return None
    endless = not math.isfinite(segment_seconds)
    samples = 0 if endless else round(segment_seconds * sample_rate)
    if samples < 1:
        raise ValueError(
            f"segment_seconds is {segment_seconds}: give a positive number of "
            "seconds, or None for whole utterances."
        )
    return samples


def random_generator(seed: int, epoch: int, key: str) -> np.random.Generator:
    """Makes the random generator of one item in one epoch.

    Arguments
    ---------
    seed : int
        0 or more.
    epoch : int
        0 or more.
    key : str
        Names the item.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments, on every machine.

    Example
    -------
    >>> int(random_generator(0, 1, "p226_001").integers(1000))
    305
    """
    digest = hashlib.sha256(key.encode()).digest()[:8]
    return np.random.default_rng([seed, epoch, int.from_bytes(digest, "big")])


def read_segment(
    paths: Sequence[str | Path],
    segment: int | None,
    rng: np.random.Generator,
    sample_rate: int = 16000,
    seconds: float | None = None,
) -> list[np.ndarray]:
    """Reads the same random segment of files of one length.

    Files shorter than the segment go round, so it may start anywhere.

    Arguments
    ---------
    paths : sequence of str or Path
        Audio files with one channel.
    segment : int or None
        Length in samples; None reads whole files.
    rng : numpy.random.Generator
        Source of the place where it starts.
    sample_rate : int
        The rate that the files must have, in Hz.
    seconds : float, optional
        The duration that they must have.

    Returns
    -------
    list of numpy.ndarray
        float32 ``[segment]`` of each file.

    Raises
    ------
    ValueError
        If a file is damaged, of another rate, or of another length than the
        first, or than it must have.
    """
    length = common_length(paths, sample_rate)
    if seconds is not None and length != round(seconds * sample_rate):
        raise ValueError(
            f"{paths[0]} has {length} samples and not "
            f"{round(seconds * sample_rate)}."
        )
    if segment is None:
        return [read_channels(path)[0][:, 0] for path in paths]
    start = draw_start(length, segment, rng)
    if segment <= length:
        return [read_channels(p, start, segment)[0][:, 0] for p in paths]
    wholes = [read_channels(path)[0][:, 0] for path in paths]
    return [np.resize(np.roll(whole, -start), segment) for whole in wholes]


def common_length(paths: Sequence[str | Path], sample_rate: int = 16000) -> int:
    """Says how long files are that are to be cut alike, by their headers.

    Arguments
    ---------
    paths : sequence of str or Path
        Audio files with one channel.
    sample_rate : int
        The rate that the files must have, in Hz.

    Returns
    -------
    int
        Samples of each of them, 1 or more.

    Raises
    ------
    ValueError
        If a file is damaged, of another rate, or of another length than the
        first.
    """
    lengths = []
    for path in paths:
        info = probe(path)
        check_format(path, info, sample_rate)
        lengths.append(info.samples)
        if not info.samples:
            raise ValueError(f"{path} holds no samples: delete or replace it.")
        if info.samples != lengths[0]:
            raise ValueError(
                f"{paths[0]} has {lengths[0]} samples and {path} has "
                f"{info.samples}: cut the pair to one length."
            )
    return lengths[0]


def draw_start(length: int, segment: int, rng: np.random.Generator) -> int:
    """Draws where a segment of a recording starts.

    Arguments
    ---------
    length : int
        Samples of the recording; a shorter one than the segment goes round,
        so the segment may start anywhere in it.
    segment : int
        Samples of the segment.
    rng : numpy.random.Generator
        Source of the place.

    Returns
    -------
    int
        The first sample of the segment.

    Example
    -------
    >>> draw_start(8000, 8000, np.random.default_rng(0))
    0
    """
    places = length - segment + 1 if segment <= length else length
    return int(rng.integers(places))


def draw_audible(
    paths: list,
    segment: int | None,
    rng: np.random.Generator,
    sample_rate: int = 16000,
) -> np.ndarray:
    """Reads a random segment of a random file, one that is not silent.

    Arguments
    ---------
    paths : list of str
        The files, each as likely.
    segment : int, optional
        Length in samples; shorter files go round. None reads whole files.
    rng : numpy.random.Generator
        Source of the choices.
    sample_rate : int
        The rate that the files must have, in Hz.

    Returns
    -------
    numpy.ndarray
        float32 ``[segment]``.
    """

    def cut(path):
        (signal,) = read_segment([path], segment, rng, sample_rate)
        return signal if rms(signal) > SILENCE else None

    return first_audible(paths, rng, cut)


def first_audible(
    paths: Sequence[Any],
    rng: np.random.Generator,
    cut: Callable[[Any], Any],
) -> Any:
    """Draws files until a segment is not silent.

    Arguments
    ---------
    paths : sequence
        The files, each as likely.
    rng : numpy.random.Generator
        Source of the choices.
    cut : callable
        Draws a segment of a file, and returns it, or None if it is silent.

    Returns
    -------
    object
        What was cut.

    Raises
    ------
    ValueError
        If many in a row are silent.

    Example
    -------
    >>> first_audible(["a"], np.random.default_rng(0), str.upper)
    'A'
    """
    for _ in range(DRAWS):
        path = paths[rng.integers(len(paths))]
        found = cut(path)
        if found is not None:
            return found
    raise ValueError(
        f"{DRAWS} segments drawn in a row are silent, the last of them from "
        f"{path}: remove the silent files from the manifest."
    )


def draw_value(
    choice: tuple | list, rng: np.random.Generator, turn: int | None = None
) -> float:
    """Draws from a range, given as a tuple, or from a list of values.

    Arguments
    ---------
    choice : tuple or list of float
        (low, high), all values between them as likely, or the values.
    rng : numpy.random.Generator
        Source of the draw.
    turn : int or None
        If given, a list is gone through in turn instead, and this is the
        value's number.

    Returns
    -------
    float
        In the unit of the choice.

    Example
    -------
    >>> draw_value([5.0, 7.0], np.random.default_rng(0), turn=3)
    7.0
    """
    if isinstance(choice, tuple):
        return float(rng.uniform(*choice))
    place = rng.integers(len(choice)) if turn is None else turn % len(choice)
    return float(choice[place])


def check_choice(name: str, choice: tuple | list) -> None:
    """Raises ``ValueError`` unless a value can be drawn from a choice.

    Arguments
    ---------
    name : str
        The argument's name, for the message.
    choice : tuple or list
        (low, high), or a list of values.
    """
    is_range = isinstance(choice, tuple)
    wrong = is_range and (len(choice) != 2 or not choice[0] <= choice[1])
    if wrong or not choice or not all(-100 <= x <= 100 for x in choice):
        raise ValueError(
            f"{name} is {choice}: give a tuple (low, high), or a list of "
            "values, in dB from -100 to 100."
        )
