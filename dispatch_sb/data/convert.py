"""Folders of audio brought to one sample rate, once: each file is written
whole or not at all, and an interrupted run goes on where it stopped.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import os
from pathlib import Path

from dispatch_sb.data.audio import (
    check_format,
    probe,
    read_channels,
    resample,
    write_audio,
)
from dispatch_sb.data.checks import not_finite
from dispatch_sb.data.files import audio_files, map_files
from dispatch_sb.data.manifest import ManifestError

MTIME_TOLERANCE_NS = 2 * 10**9  # FAT keeps modification times to 2 s


def convert_folder(
    source: str | os.PathLike,
    target: str | os.PathLike,
    sample_rate: int = 16000,
    source_rate: int | None = None,
    prune: bool = False,
) -> int:
    """Writes every audio file of a folder as 16-bit WAV of one channel at
    one sample rate (soxr, HQ) into another folder, sub-folders kept.

    A file that is there already is kept, if it is whole and has its source's
    modification time.

    Arguments
    ---------
    source : str or os.PathLike
        A folder of WAV, FLAC or Ogg files of any rate.
    target : str or os.PathLike
        The folder to write to.
    sample_rate : int
        In Hz.
    source_rate : int or None
        If given, every source must have this rate and one channel. Else any
        rate will do, and several channels become their mean.
    prune : bool
        Whether audio files in target without a source are deleted.

    Returns
    -------
    int
        How many files were written; those that were kept do not count.

    Raises
    ------
    FileNotFoundError
        If source is not a folder.
    ManifestError
        Lists all files that could not be converted. The others have been.

    Example
    -------
    >>> import numpy as np
    >>> folder = getfixture("tmp_path")
    >>> write_audio(folder / "raw" / "a.wav", np.zeros(48000), 48000)
    >>> convert_folder(folder / "raw", folder / "ready")
    1
    >>> probe(folder / "ready" / "a.wav")
    AudioInfo(samples=16000, sample_rate=16000, channels=1)
    >>> convert_folder(folder / "raw", folder / "ready")
    0
    """
    source, target = Path(source), Path(target)
    paths, problems = _targets(source, target)
    convert = functools.partial(
        _try_converting, sample_rate=sample_rate, source_rate=source_rate
    )
    results = map_files(convert, paths.items(), f"Resampling {source.name}")
    problems += [result for result in results if isinstance(result, str)]
    if prune and target.is_dir():
        for path in set(audio_files(target)).difference(paths):
            path.unlink()
    if problems:
        raise ManifestError(
            f"{source} cannot be converted completely", problems
        )
    return sum(results)


def _targets(source: Path, target: Path) -> tuple[dict, list[str]]:
    """Source files by the file to write, and files that would collide."""
    paths, problems = {}, []
    for path in audio_files(source):
        goal = (target / path.relative_to(source)).with_suffix(".wav")
        if goal in paths:
            problems.append(
                f"{path} and {paths[goal]} would both become {goal}: rename "
                "or delete one of them."
            )
        paths.setdefault(goal, path)
    return paths, problems


def _try_converting(
    paths, sample_rate: int, source_rate: int | None
) -> bool | str:
    """Converts a (target, source) pair of files: whether it was written, or
    the problem."""
    target, source = paths
    try:
        modified = source.stat().st_mtime_ns
        if _is_done(target, modified, sample_rate):
            return False
        samples, info = read_channels(source)
        if problems := not_finite(source, samples):
            return problems[0]
        if source_rate is not None:
            check_format(source, info, source_rate)
        mono = resample(samples.mean(axis=1), info.sample_rate, sample_rate)
        write_audio(target, mono, sample_rate, "PCM_16")
        os.utime(target, ns=(modified, modified))
    except (OSError, ValueError) as error:
        return str(error)
    return True


def _is_done(target: Path, modified: int, sample_rate: int) -> bool:
    """Whether a target is whole, and made of the source as it is now."""
    try:
        age = abs(target.stat().st_mtime_ns - modified)
        info = probe(target)
    except (OSError, ValueError):
        return False
    return age <= MTIME_TOLERANCE_NS and info[1:] == (sample_rate, 1)
