"""What can be wrong with an audio file that training or scoring is to use,
found before training starts: every sample is looked at once.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from typing import NamedTuple

import numpy as np

from dispatch_sb.data.audio import (
    AudioInfo,
    check_format,
    read_channels,
    sha256_of,
)

MIN_SECONDS = 0.25  # that PESQ needs
SILENCE_PEAK = 1e-4  # -80 dB re full scale: three steps of 16-bit audio


class CheckedFile(NamedTuple):
    """What a check found.

    Arguments
    ---------
    info : AudioInfo
        The file's header; no samples if it cannot be read.
    sha256 : str
        Hash of the file's bytes; empty if it cannot be read.
    problems : list of str
        One sentence each, naming the file and the remedy.
    """

    info: AudioInfo
    sha256: str
    problems: list[str]


def check_file(
    path: str | os.PathLike,
    sample_rate: int = 16000,
    min_seconds: float = MIN_SECONDS,
) -> CheckedFile:
    """Reads a whole file and lists everything that is wrong with it.

    Arguments
    ---------
    path : str or os.PathLike
        The audio file.
    sample_rate : int
        The rate in Hz that it must have.
    min_seconds : float
        The least duration.

    Returns
    -------
    CheckedFile
        Header, hash and problems.

    Example
    -------
    >>> from dispatch_sb.data.audio import write_audio
    >>> path = getfixture("tmp_path") / "silence.wav"
    >>> write_audio(path, np.zeros(16000))
    >>> check_file(path).problems[0].partition("silence.wav ")[2]
    'is silent: delete it, or record it again.'
    """
    try:
        samples, info = read_channels(path)
        sha256 = sha256_of(path)
    except (OSError, ValueError) as error:
        return CheckedFile(AudioInfo(0, sample_rate, 1), "", [str(error)])
    problems = not_finite(path, samples)
    # A constant offset is silence; what holds no samples is too short.
    if not problems and samples.size and np.ptp(samples) < 2 * SILENCE_PEAK:
        problems = [f"{path} is silent: delete it, or record it again."]
    try:
        check_format(path, info, sample_rate)
    except ValueError as error:
        problems.append(str(error))
    if info.seconds < min_seconds:
        problems.append(
            f"{path} is too short ({info.seconds:.3f} s, at least "
            f"{min_seconds} s are needed): delete it, or join it with others."
        )
    return CheckedFile(info, sha256, problems)


def not_finite(path: str | os.PathLike, samples: np.ndarray) -> list[str]:
    """The problem of samples that are NaN or infinite, if any is.

    Arguments
    ---------
    path : str or os.PathLike
        Where the samples come from.
    samples : np.ndarray
        Any shape.

    Returns
    -------
    list of str
        Empty, or one sentence.
    """
    if np.isfinite(samples).all():
        return []
    return [
        f"{path} holds samples that are NaN or infinite: export it again, or "
        "delete it."
    ]
