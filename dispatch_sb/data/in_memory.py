"""Training audio in the memory of the device that trains: decoded once, and
cut there into the same batches as are read from files.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
import torch
from speechbrain.dataio.batch import PaddedData
from speechbrain.utils.logger import get_logger
from torch.utils.data import Dataset

from dispatch_sb.data.audio import read_audio
from dispatch_sb.data.files import map_files
from dispatch_sb.data.pipeline import PairDataset
from dispatch_sb.data.segments import common_length, draw_start

logger = get_logger(__name__)

FULL_SCALE = 2**15  # of 16-bit audio
# Networks, gradients and activations need the rest.
MOST_OF_FREE_MEMORY = 0.5
# Of a loader's options, those that say which items a batch holds.
KEPT_OPTIONS = ("batch_size", "sampler", "shuffle", "drop_last")


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


class AudioInMemory(Dataset):
    """The segments of a `PairDataset`, cut on a device from audio that lies in
    its memory.

    16-bit files take two bytes a sample there, all others four, so that every
    batch is bit for bit the one that the files give. A DataLoader fetches
    whole batches: in a step nothing is decoded, nothing waits for the device,
    and no utterance is handled by itself. The files are read, side by side,
    when the first batch is fetched.

    Arguments
    ---------
    pairs : PairDataset
        What is cut, and how; its epoch is the one that counts.
    device : str or torch.device
        Where the audio lies, and the batches are made.

    Example
    -------
    >>> from dispatch_sb.data import pair_dataset, write_audio
    >>> root = getfixture("tmp_path")
    >>> for kind in ("noisy", "clean"):
    ...     write_audio(root / f"{kind}.wav", np.ones(8000), subtype="PCM_16")
    >>> entry = {"noisy_wav": "noisy.wav", "clean_wav": "clean.wav"}
    >>> entry = {key: str(root / name) for key, name in entry.items()}
    >>> pairs = PairDataset(
    ...     {"a": {**entry, "length": 0.5}}, ("noisy", "clean"), 4000, 0, 16000
    ... )
    >>> batch = AudioInMemory(pairs).__getitems__([0, 0])
    >>> batch.clean_sig.data.shape
    torch.Size([2, 4000])
    """

    def __init__(self, pairs: PairDataset, device: str | torch.device = "cpu"):
        self.pairs = pairs
        self.device = torch.device(device)
        self._audio: dict[str, torch.Tensor] = {}
        self._starts: torch.Tensor | None = None  # of the current epoch

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return self.pairs.epoch

    def set_epoch(self, epoch: int) -> None:
        """Makes the random choices those of an epoch.

        Arguments
        ---------
        epoch : int
            The epoch's number, 0 or more. Call this before iterating.
        """
        self.pairs.set_epoch(epoch)
        self._starts = None

    def loader_options(self, given: Mapping) -> dict:
        """What a DataLoader of this dataset is made with.

        Arguments
        ---------
        given : Mapping
            Options for a loader that reads files.

        Returns
        -------
        dict
            Those about the choice of items; no worker processes.
        """
        kept = {key: given[key] for key in KEPT_OPTIONS if key in given}
        return {**kept, "num_workers": 0, "collate_fn": _as_it_is}

    def __getitems__(self, indices: list[int]) -> Batch:
        """Cuts a batch.

        Arguments
        ---------
        indices : list of int
            Numbers of the items.

        Returns
        -------
        Batch
            ``id`` and the signals of the dataset, on the device.
        """
        if not self._audio:
            self._read()
        if self._starts is None:
            self._starts = self._drawn()
        chosen = self._moved(torch.tensor(indices))
        length = self._lengths[chosen]
        segment = self.pairs.segment
        width = segment or int(self._samples[indices].max())
        place = torch.arange(width, device=self.device)
        index = (self._starts[chosen, None] + place) % length[:, None]
        index += self._offsets[chosen, None]
        inside = None if segment else place < length[:, None]
        lens = torch.ones_like(length) if segment else length / width
        signals = {
            f"{kind}_sig": PaddedData(_cut(audio, index, inside), lens.float())
            for kind, audio in self._audio.items()
        }
        return Batch(id=[self._ids[i] for i in indices], **signals)

    def _read(self) -> None:
        """Decodes all files into the device's memory."""
        pairs = self.pairs
        self._ids = list(pairs.data)
        paths = [
            [entry[f"{kind}_wav"] for kind in pairs.kinds]
            for entry in pairs.data.values()
        ]
        found = map_files(self._look, paths, "Looking at audio")
        self._samples = np.array([samples for samples, _ in found])
        ends = np.cumsum(self._samples)
        starts = ends - self._samples
        self._lengths = torch.from_numpy(self._samples).to(self.device)
        self._offsets = torch.from_numpy(starts).to(self.device)
        exact = np.array([fits for _, fits in found]).all(0)
        audio = [
            torch.empty(
                ends[-1],
                dtype=torch.int16 if fits else torch.float32,
                device=self.device,
            )
            for fits in exact
        ]

        def fill(number):
            for path, kept in zip(paths[number], audio):
                signal = torch.from_numpy(read_audio(path, pairs.sample_rate))
                if kept.dtype == torch.int16:
                    signal = (signal * FULL_SCALE).to(torch.int16)
                kept[starts[number] : ends[number]].copy_(signal)

        map_files(fill, range(len(paths)), "Reading audio into memory")
        self._audio = dict(zip(pairs.kinds, audio))
        logger.info(
            "%.2f hours of training audio lie in the memory of %s: %.2f GiB",
            ends[-1] / pairs.sample_rate / 3600,
            self.device,
            sum(kept.nbytes for kept in audio) / 2**30,
        )

    def _look(self, paths) -> tuple[int, list[bool]]:
        """Samples of an utterance, and whether each file is one of 16 bits."""
        samples = common_length(paths, self.pairs.sample_rate)
        return samples, [_bytes_of(path) == 2 for path in paths]

    def _drawn(self) -> torch.Tensor:
        """Draws where the segments of all utterances start in this epoch."""
        pairs, starts = self.pairs, [0] * len(self)
        if pairs.segment is not None:
            starts = [
                draw_start(samples, pairs.segment, pairs.generator(utterance))
                for utterance, samples in zip(self._ids, self._samples)
            ]
        return torch.tensor(starts).to(self.device)

    def _moved(self, numbers: torch.Tensor) -> torch.Tensor:
        """A few numbers on the device, sent without waiting for it."""
        if self.device.type == "cuda":
            numbers = numbers.pin_memory()
        return numbers.to(self.device, non_blocking=True)


def keep_in_memory(
    dataset: Dataset, choice: bool | str, device: str | torch.device
) -> Dataset:
    """Decides whether training audio is kept in a device's memory.

    Arguments
    ---------
    dataset : Dataset
        What is trained on.
    choice : bool or str
        True, False, or "auto": on a CUDA device, if the audio takes at most
        half of the memory that is free there.
    device : str or torch.device
        Where training takes place; of several processes, each has its own
        copy there.

    Returns
    -------
    Dataset
        An `AudioInMemory`, or the dataset as it is.

    Raises
    ------
    ValueError
        If True was asked for, but there is not enough memory, or the dataset
        is not of pairs.

    Example
    -------
    >>> keep_in_memory([1, 2], "auto", "cpu")
    [1, 2]
    """
    if choice is False:
        return dataset
    if not isinstance(dataset, PairDataset):
        if choice is True:
            raise ValueError(
                f"audio_in_memory is True, but {type(dataset).__name__} reads "
                "and mixes files in every epoch: give audio_in_memory: auto, "
                "or fixed pairs."
            )
        return dataset
    device = torch.device(device)
    if device.type != "cuda":
        return AudioInMemory(dataset, device) if choice is True else dataset
    needed, free = bytes_needed(dataset), torch.cuda.mem_get_info(device)[0]
    if needed <= MOST_OF_FREE_MEMORY * free or choice is True and needed < free:
        return AudioInMemory(dataset, device)
    told = f"{needed / 2**30:.1f} GiB of audio, {free / 2**30:.1f} GiB free"
    if choice is True:
        raise ValueError(
            f"audio_in_memory is True, but it does not fit {device} ({told}): "
            "give audio_in_memory: False."
        )
    logger.info("Training reads files: too large for %s (%s)", device, told)
    return dataset


def bytes_needed(pairs: PairDataset) -> int:
    """How much memory the audio of a dataset takes, by the lengths in its
    manifest and the format of its first files.

    Arguments
    ---------
    pairs : PairDataset
        Not read.

    Returns
    -------
    int
        Bytes.
    """
    entries = list(pairs.data.values())
    seconds = sum(entry["length"] for entry in entries)
    each = sum(_bytes_of(entries[0][f"{kind}_wav"]) for kind in pairs.kinds)
    return round(seconds * pairs.sample_rate * each)


def _bytes_of(path) -> int:
    """Bytes that hold a sample of a file without loss."""
    return 2 if soundfile.info(str(path)).subtype == "PCM_16" else 4


def _cut(audio, index, inside):
    """Samples at places ``[batch, width]`` as float32, zeros outside."""
    signal = audio[index].float()
    if audio.dtype == torch.int16:
        signal /= FULL_SCALE
    return signal if inside is None else signal * inside


def _as_it_is(batch: Batch) -> Batch:
    """Collates nothing: the dataset gives whole batches."""
    return batch
