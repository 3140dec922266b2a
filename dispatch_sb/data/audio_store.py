"""Audio files in the memory of a device, and segments of many of them cut at
once.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
import torch
from speechbrain.dataio.batch import PaddedData
from speechbrain.utils.logger import get_logger

from dispatch_sb.data.audio import probe, read_audio
from dispatch_sb.data.files import map_files
from dispatch_sb.data.segments import common_length

logger = get_logger(__name__)

FULL_SCALE = 2**15  # of 16-bit audio


class Batch(SimpleNamespace):
    """Signals of a batch as SpeechBrain's ``PaddedBatch`` holds them: each an
    attribute of ``data`` and relative ``lengths``.

    Example
    -------
    >>> signal = PaddedData(torch.zeros(1, 8), torch.ones(1))
    >>> batch = Batch(id=["a"], noisy_sig=signal).to(torch.float64)
    >>> batch.noisy_sig.data.dtype, batch["id"], len(batch)
    (torch.float64, ['a'], 1)
    """

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, key: str) -> Any:
        return vars(self)[key]

    def to(self, *args, **kwargs) -> Batch:
        """Moves or converts the signals in place, as ``torch.Tensor.to``.

        Arguments
        ---------
        *args, **kwargs
            As for ``torch.Tensor.to``.

        Returns
        -------
        Batch
            Itself.
        """
        for name, value in vars(self).items():
            if isinstance(value, PaddedData):
                moved = (tensor.to(*args, **kwargs) for tensor in value)
                setattr(self, name, PaddedData(*moved))
        return self


class AudioStore:
    """Recordings, each of one or several files of one length, decoded once.

    16-bit files take two bytes a sample, all others four, so that nothing is
    lost. All files of one kind lie one after the other in one tensor.

    Arguments
    ---------
    paths : sequence of sequence of str
        The files of each recording.
    sample_rate : int
        The rate that they must have, in Hz.
    device : torch.device
        Where they lie.
    visit : callable, optional
        Is given the number of each recording and its first file's samples,
        float32, from several threads.

    Example
    -------
    >>> from dispatch_sb.data import write_audio
    >>> path = getfixture("tmp_path") / "a.wav"
    >>> write_audio(path, np.arange(4) / 8)
    >>> store = AudioStore([[path]], 16000, torch.device("cpu"))
    >>> store.cut(torch.tensor([0, 0]), torch.tensor([0, 1]), 3)[0]
    [tensor([[0.0000, 0.1250, 0.2500],
            [0.1250, 0.2500, 0.3750]])]
    """

    def __init__(
        self,
        paths: Sequence[Sequence],
        sample_rate: int,
        device: torch.device,
        visit: Callable[[int, np.ndarray], Any] | None = None,
    ):
        self.device = device

        def look(files):
            samples = common_length(files, sample_rate)
            return samples, [bytes_of(file) == 2 for file in files]

        found = map_files(look, paths, "Looking at audio")
        self.samples = np.array([samples for samples, _ in found])
        self._shortest = int(self.samples.min())
        ends = np.cumsum(self.samples)
        self.starts = ends - self.samples
        self._lengths = torch.from_numpy(self.samples).to(device)
        self._offsets = torch.from_numpy(self.starts).to(device)
        self.audio = [
            torch.empty(
                int(ends[-1]),
                dtype=torch.int16 if exact else torch.float32,
                device=device,
            )
            for exact in np.array([fits for _, fits in found]).all(0)
        ]

        def fill(number):
            for place, path in enumerate(paths[number]):
                signal = read_audio(path, sample_rate)
                if visit is not None and place == 0:
                    visit(number, signal)
                kept, start = self.audio[place], self.starts[number]
                if kept.dtype == torch.int16:
                    signal = (signal * FULL_SCALE).astype(np.int16)
                end = start + len(signal)
                kept[start:end].copy_(torch.from_numpy(signal))

        map_files(fill, range(len(paths)), "Reading audio into memory")
        logger.info(
            "%.2f hours of audio lie in the memory of %s: %.2f GiB",
            ends[-1] * len(self.audio) / sample_rate / 3600,
            device,
            sum(kept.nbytes for kept in self.audio) / 2**30,
        )

    def cut(
        self,
        numbers: torch.Tensor,
        starts: torch.Tensor | None,
        width: int,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Cuts segments, without waiting for the device.

        Arguments
        ---------
        numbers : torch.Tensor
            Those of the recordings, ``[batch]`` int64, on the device.
        starts : torch.Tensor, optional
            Where each segment starts, ``[batch]`` int64, on the device, as
            `draw_start` draws it; a recording that is shorter than the
            segment goes round. None gives whole recordings, zeros at the end.
        width : int
            Samples of the segments.

        Returns
        -------
        list of torch.Tensor
            Float32 ``[batch, width]`` of each file.
        torch.Tensor
            Relative lengths ``[batch]``.
        """
        place = torch.arange(width, device=self.device)
        length = self._lengths[numbers, None]
        lens = (length[:, 0] / width).clamp(max=1)
        if starts is not None:
            place = starts[:, None] + place
            lens = torch.ones_like(lens)
        index = place % length if width > self._shortest else place
        index = index + self._offsets[numbers, None]
        signals = []
        for audio in self.audio:
            signal = audio[index].float()
            if audio.dtype == torch.int16:
                signal /= FULL_SCALE
            signals.append(signal)
        if starts is None:
            inside = place < length
            signals = [signal * inside for signal in signals]
        return signals, lens

    def sent(self, numbers: Sequence) -> torch.Tensor:
        """Numbers on the device, sent without waiting for it.

        Arguments
        ---------
        numbers : sequence
            Of int or float.

        Returns
        -------
        torch.Tensor
        """
        given = torch.from_numpy(np.asarray(numbers))
        if self.device.type == "cuda":
            given = given.pin_memory()
        return given.to(self.device, non_blocking=True)


def bytes_of(path) -> int:
    """Bytes that hold a sample of a file without loss.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    int
        2 or 4.
    """
    probe(path)  # says what is wrong with it
    return 2 if soundfile.info(str(path)).subtype == "PCM_16" else 4
