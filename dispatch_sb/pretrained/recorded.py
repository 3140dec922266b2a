"""A teacher whose answers were written to files beforehand, by whatever
program: a folder of enhanced files with the names of the noisy ones.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from dispatch_sb.data.audio import read_channels, resample, write_audio
from dispatch_sb.data.files import LONGEST_NAME, audio_files, sha256_of
from dispatch_sb.data.formats import SUFFIXES
from dispatch_sb.data.value_checks import (
    BLOCK,
    TEXT,
    block,
    block_of,
    read_json,
)
from dispatch_sb.pretrained.teacher import Teacher

NOTE = "recording.json"  # what `dispatch-sb record` tells of its folder
HASHES = block({"sha256": TEXT, "noisy_sha256": TEXT})  # of one file
# What makes a folder a pretrained model rather than a recording.
MODEL_FILES = ("hyperparams.yaml", "config.json")


class RecordedTeacher(Teacher):
    """Finds a teacher's recorded answer to a noisy file.

    A noisy file's recording has its name; the suffix may differ. Where a name
    occurs in several sub-folders, these must be those of the noisy file.

    Arguments
    ---------
    folder : str or os.PathLike
        Enhanced files, one channel, of any format and sample rate that
        libsndfile reads; sub-folders allowed.
    delay : int
        Samples at ``sample_rate`` by which the recordings lag behind the noisy
        files; negative if they are ahead.
    sample_rate : int
        Of the data, in Hz.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no audio in it.
    ValueError
        If two files are of one name, or ``delay`` is no integer.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> write_audio(folder / "a.flac", np.zeros(16000), subtype="PCM_16")
    >>> teacher = RecordedTeacher(folder)
    >>> teacher.recording_of("noisy/a.wav").name
    'a.flac'
    """

    live = False

    def __init__(
        self,
        folder: str | os.PathLike,
        delay: int = 0,
        sample_rate: int = 16000,
    ):
        super().__init__(sample_rate)
        if not isinstance(delay, int):
            raise ValueError(f"delay must be a number of samples, got {delay}")
        self.folder = Path(folder)
        self.delay = delay
        self.aligned: dict[Path, Path] = {}  # copies that fit sample by sample
        self.note = read_note(self.folder)
        noted = sha256_of(self.folder / NOTE) if self.note else None
        self.origin = {
            "source": str(folder),
            "revision": None,
            "recording_sha256": noted,
        }
        self._by_stem = _by_stem(self.folder)

    def find(self, noisy_path: str | os.PathLike) -> Path | None:
        """The file of the folder that answers a noisy file, as it is there.

        Arguments
        ---------
        noisy_path : str or os.PathLike
            The noisy file.

        Returns
        -------
        pathlib.Path or None
            None if there is none.
        """
        noisy = Path(noisy_path)
        found = self._by_stem.get(noisy.stem, {})
        if len(found) == 1:
            return next(iter(found.values()))
        parts = noisy.with_suffix("").parts
        fitting = [name for name in found if parts[-len(name) :] == name]
        return found[max(fitting, key=len)] if fitting else None

    def recording_of(self, noisy_path: str | os.PathLike) -> Path | None:
        """The recorded answer to a noisy file.

        Arguments
        ---------
        noisy_path : str or os.PathLike
            The noisy file.

        Returns
        -------
        pathlib.Path or None
            None if there is none. After `fit_recordings`, a file that fits
            the noisy one sample by sample.
        """
        path = self.find(noisy_path)
        return self.aligned.get(path, path)

    def read(self, path: Path, samples: int) -> np.ndarray:
        """Reads a recording, as it fits a noisy file.

        Arguments
        ---------
        path : pathlib.Path
            From `find`.
        samples : int
            The noisy file's length.

        Returns
        -------
        numpy.ndarray
            float32 ``[samples]`` at ``sample_rate``, without delay.
        """
        signal, info = read_channels(path)
        signal = resample(signal[:, 0], info.sample_rate, self.sample_rate)
        signal = np.pad(signal[max(self.delay, 0) :], (max(-self.delay, 0), 0))
        return np.pad(signal[:samples], (0, max(samples - len(signal), 0)))

    def answer(
        self,
        noisy: torch.Tensor,
        clean: torch.Tensor,
        known: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """What came with the batch: its answers are to files.

        Arguments
        ---------
        noisy, clean : torch.Tensor
            Unused.
        known : torch.Tensor, optional
            Its answer.

        Returns
        -------
        torch.Tensor or None
            ``known``.
        """
        return known

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Raises RuntimeError: what is recorded cannot be asked.

        Arguments
        ---------
        noisy : torch.Tensor
            Unused.
        """
        raise RuntimeError(
            f"The teacher in {self.folder} is recorded and cannot enhance "
            "anything else: use fixed pairs whose noisy files are recorded "
            "there (dispatch-sb record), or a teacher that runs."
        )


def is_recording(folder: str | os.PathLike) -> bool:
    """Whether a source of a teacher is a folder of recordings.

    Arguments
    ---------
    folder : str or os.PathLike
        Any source of a teacher.

    Returns
    -------
    bool
        True for a folder with audio in it, and no pretrained model.

    Example
    -------
    >>> is_recording("organisation/name")
    False
    """
    folder = Path(folder)
    if not folder.is_dir() or any((folder / x).is_file() for x in MODEL_FILES):
        return False
    return bool(audio_files(folder, SUFFIXES))


def read_note(folder: Path) -> dict:
    """What ``recording.json`` in a folder says; nothing if it is not there.

    Arguments
    ---------
    folder : pathlib.Path
        Of recordings.

    Returns
    -------
    dict
        ``made_with``, and ``files`` by name.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    path = folder / NOTE
    if not path.is_file():
        return {}
    note = read_json(
        path,
        block({"made_with": BLOCK, "files": block_of(HASHES)}),
        "record into another folder, or delete it if the recordings are good.",
    )
    return {"made_with": note["made_with"], "files": note["files"]}


def write_recording(
    path: Path, signal: np.ndarray, sample_rate: int = 16000
) -> Path:
    """Writes a teacher's answer so that nothing of it is lost.

    24-bit FLAC, off by at most 2**-24 of full scale (144 dB below it); a
    signal that passes full scale becomes 32-bit float WAV, and so does one
    whose name leaves no room for the suffix.

    Arguments
    ---------
    path : pathlib.Path
        The file, without suffix.
    signal : numpy.ndarray
        ``[samples]``.
    sample_rate : int
        In Hz.

    Returns
    -------
    pathlib.Path
        The file that was written.

    Example
    -------
    >>> path = getfixture("tmp_path") / "loud"
    >>> write_recording(path, np.full(160, 1.5)).name
    'loud.wav'
    """
    suffix, subtype = ".flac", "PCM_24"
    loud = signal.size and np.abs(signal).max() >= 1
    if loud or len(os.fsencode(path.name + suffix)) > LONGEST_NAME:
        suffix, subtype = ".wav", "FLOAT"
    path = path.with_name(path.name + suffix)
    write_audio(path, signal, sample_rate, subtype)
    return path


def _by_stem(folder: Path) -> dict[str, dict[tuple, Path]]:
    """Recordings by stem, and then by their path without suffix."""
    paths = audio_files(folder, SUFFIXES)
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no audio files: a recorded teacher is a folder "
            "of enhanced files with the names of the noisy ones."
        )
    found = defaultdict(dict)
    for path in paths:
        name = path.relative_to(folder).with_suffix("").parts
        if name in found[path.stem]:
            raise ValueError(
                f"{path} and {found[path.stem][name]} are recordings of one "
                "name: delete one of them."
            )
        found[path.stem][name] = path
    return dict(found)
