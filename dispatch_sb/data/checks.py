"""What can be wrong with an audio file that training or scoring is to use,
found before training starts: every sample is looked at once.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from typing import NamedTuple

import numpy as np

from dispatch_sb.data.audio import check_format, read_channels, sha256_of

SILENCE_PEAK = 1e-4  # -80 dB re full scale: three steps of 16-bit audio


class CheckedFile(NamedTuple):
    """What a check found.

    Arguments
    ---------
    samples : int
        The file's length; 0 if it cannot be read.
    seconds : float
        The same in seconds.
    sha256 : str
        Hash of the file's bytes; empty if it cannot be read.
    problems : list of str
        One sentence each, naming the file and the remedy.
    """

    samples: int
    seconds: float
    sha256: str
    problems: list[str]


def check_file(
    path: str | os.PathLike,
    sample_rate: int = 16000,
    min_seconds: float = 0.25,
) -> CheckedFile:
    """Reads a whole file and lists everything that is wrong with it.

    Arguments
    ---------
    path : str or os.PathLike
        The audio file.
    sample_rate : int
        The rate in Hz that it must have.
    min_seconds : float
        The least duration; PESQ needs 0.25 s.

    Returns
    -------
    CheckedFile
        Length, hash and problems.

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
        return CheckedFile(0, 0.0, "", [str(error)])
    problems = not_finite(path, samples) or _silent(path, samples)
    try:
        check_format(path, info, sample_rate)
    except ValueError as error:
        problems.append(str(error))
    if info.seconds < min_seconds:
        problems.append(
            f"{path} is too short ({info.seconds:.3f} s, at least "
            f"{min_seconds} s are needed): delete it, or join it with others."
        )
    return CheckedFile(len(samples), info.seconds, sha256, problems)


def check_pair(
    clean: str | os.PathLike,
    noisy: str | os.PathLike,
    sample_rate: int = 16000,
    min_seconds: float = 0.25,
) -> tuple[CheckedFile, CheckedFile, list[str]]:
    """Checks both files of a pair, and that they are equally long.

    Arguments
    ---------
    clean : str or os.PathLike
        The clean speech.
    noisy : str or os.PathLike
        The same speech in noise.
    sample_rate : int
        The rate in Hz that both must have.
    min_seconds : float
        The least duration.

    Returns
    -------
    tuple of CheckedFile, CheckedFile and list of str
        The clean file, the noisy file, and all their problems.
    """
    checked = [
        check_file(path, sample_rate, min_seconds) for path in (clean, noisy)
    ]
    problems = checked[0].problems + checked[1].problems
    readable = all(file.sha256 for file in checked)
    if readable and checked[0].samples != checked[1].samples:
        problems.append(
            f"{noisy} has {checked[1].samples} samples and its clean "
            f"partner {clean} has {checked[0].samples}: cut both to the same "
            "length, sample by sample aligned."
        )
    return checked[0], checked[1], problems


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


def _silent(path, samples: np.ndarray) -> list[str]:
    """The problem of a file without sound; a constant offset is silence."""
    if not samples.size or np.ptp(samples) >= 2 * SILENCE_PEAK:
        return []  # an empty file is too short, which is said elsewhere
    return [f"{path} is silent: delete it, or record it again."]
