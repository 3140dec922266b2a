"""Training audio in the memory of the device that trains: decoded once, and
cut, or mixed, there into the same batches as are made of files.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from speechbrain.dataio.batch import PaddedData
from speechbrain.utils.logger import get_logger
from torch.utils.data import Dataset

from dispatch_sb.data.audio_store import AudioStore, Batch, bytes_of
from dispatch_sb.data.batch_mixing import Energies, mix_batch
from dispatch_sb.data.disk import reading
from dispatch_sb.data.mixing import DynamicMixture
from dispatch_sb.data.pipeline import EpochDataset, PairDataset, together
from dispatch_sb.data.segments import draw_start, first_audible

logger = get_logger(__name__)

# Networks, gradients and activations need the rest.
MOST_OF_FREE_MEMORY = 0.5
# Of a loader's options, those that say which items a batch holds.
KEPT_OPTIONS = (
    "batch_size",
    "batch_sampler",
    "drop_last",
    "sampler",
    "shuffle",
)


class InMemory(Dataset):
    """What takes the place of a dataset that reads files: a DataLoader fetches
    whole batches from it, made on the device. In a step nothing is decoded,
    nothing waits for the device, and no item is handled by itself; the files
    are read, side by side, when the first batch is fetched.

    Subclasses give ``_read``, which fills the memory; ``_drawn``, all choices
    of an epoch as tensors on the device; and ``_batch``.

    Arguments
    ---------
    dataset : EpochDataset
        What decides the items; its epoch is the one that counts.
    device : str or torch.device
        Where the audio lies, and the batches are made.
    """

    def __init__(
        self, dataset: EpochDataset, device: str | torch.device = "cpu"
    ):
        self.dataset: Any = dataset
        self.device = torch.device(device)
        self.store: AudioStore | None = None
        self._choices: Any = None  # of the current epoch

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return self.dataset.epoch

    def set_epoch(self, epoch: int) -> None:
        """Makes the random choices those of an epoch.

        Arguments
        ---------
        epoch : int
            The epoch's number, 0 or more. Call this before iterating.
        """
        self.dataset.set_epoch(epoch)
        self._choices = None

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
        return {**kept, "num_workers": 0, "collate_fn": lambda batch: batch}

    def __getitems__(self, indices: list[int]) -> Batch:
        """Makes a batch.

        Arguments
        ---------
        indices : list of int
            Numbers of the items.

        Returns
        -------
        Batch
            ``id`` and the signals of the dataset, on the device.
        """
        if self.store is None:
            with reading():
                self.store = self._read()
        if self._choices is None:
            self._choices = self._drawn()
        signals, lens = self._batch(indices, self.store.sent(indices))
        padded = {k: PaddedData(signal, lens) for k, signal in signals.items()}
        ids = [self.dataset.data_ids[index] for index in indices]
        return Batch(id=ids, **padded)


class AudioInMemory(InMemory):
    """The segments of a `PairDataset`, cut on a device: every batch is bit for
    bit the one that the files give.

    Arguments
    ---------
    dataset : PairDataset
        See `InMemory`.
    device : str or torch.device
        See `InMemory`.

    Example
    -------
    >>> from dispatch_sb.data import write_audio
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

    def _read(self):
        pairs = self.dataset
        paths = [
            [entry[f"{kind}_wav"] for kind in pairs.kinds]
            for entry in pairs.data.values()
        ]
        return AudioStore(paths, pairs.sample_rate, self.device)

    def _drawn(self):
        """Where the segments of all utterances start in this epoch."""
        pairs = self.dataset
        if pairs.segment is None:
            return ()
        items = zip(pairs.data_ids, self.store.samples)
        starts = [
            draw_start(samples, pairs.segment, pairs.generator(utterance))
            for utterance, samples in items
        ]
        return (self.store.sent(starts),)

    def _batch(self, indices, chosen):
        """Signals and relative lengths of some utterances."""
        width = self.dataset.segment or int(self.store.samples[indices].max())
        starts = self._choices[0][chosen] if self._choices else None
        signals, lens = self.store.cut(chosen, starts, width)
        names = ("noisy_sig", "clean_sig", "teacher_sig")
        return dict(zip(names, together(signals))), lens


class MixturesInMemory(InMemory):
    """The mixtures of a `DynamicMixture`, mixed on a device: the same speech,
    noise, SNR and level for the same seed, epoch and item, and the same
    samples within the rounding of single precision.

    Arguments
    ---------
    dataset : DynamicMixture
        See `InMemory`.
    device : str or torch.device
        See `InMemory`.
    """

    def _read(self):
        self._files = [*self.dataset.speech, *self.dataset.noise]
        self._numbers = {path: n for n, path in enumerate(self._files)}
        self._energies = Energies(len(self._files))
        return AudioStore(
            [[path] for path in self._files],
            self.dataset.sample_rate,
            self.device,
            self._energies.add,
        )

    def _drawn(self):
        """Of all items of this epoch: numbers and starts of speech and noise,
        ``[items, 4]``; and SNR and level, ``[items, 2]``."""
        drawn = [
            self.dataset.draw(index, self._audible)
            for index in range(len(self.dataset))
        ]
        places = [(*clean, *noise) for clean, noise, *_ in drawn]
        return self.store.sent(places), self.store.sent([d[2:] for d in drawn])

    def _audible(self, files, rng) -> tuple[int, int]:
        """Number of a file, and the start of a segment that is not silent."""

        def place(path):
            number = self._numbers[path]
            samples, segment = self.store.samples[number], self.dataset.segment
            start = draw_start(samples, segment, rng)
            if self._energies.audible(number, start, segment, self._exact):
                return number, start
            return None

        return first_audible(files, rng, place)

    def _exact(self, number: int, start: int) -> np.ndarray:
        """A segment, for the rare case that it is near silence."""
        places = (self.store.sent([place]) for place in (number, start))
        signals, _ = self.store.cut(*places, self.dataset.segment)
        return signals[0][0].cpu().numpy()

    def _batch(self, indices, chosen):
        """Noisy and clean speech of some items, and relative lengths."""
        places, decibels = (choices[chosen] for choices in self._choices)
        clean, noise = (
            self.store.cut(*pair.unbind(1), self.dataset.segment)
            for pair in places.split(2, dim=1)
        )
        snr_db, level_db = decibels.unbind(1)
        noisy, speech = mix_batch(
            clean[0][0],
            noise[0][0],
            snr_db,
            level_db,
            self.dataset.sample_rate,
        )
        return {"noisy_sig": noisy, "clean_sig": speech}, clean[1]


# What takes the place of a dataset.
IN_THEIR_PLACE = (
    (PairDataset, AudioInMemory),
    (DynamicMixture, MixturesInMemory),
)


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
        An `AudioInMemory`, `MixturesInMemory`, or the dataset as it is.

    Raises
    ------
    ValueError
        If True was asked for, but there is not enough memory, or the dataset
        is neither of pairs nor of mixtures.

    Example
    -------
    >>> keep_in_memory([1, 2], "auto", "cpu")
    [1, 2]
    """
    kind = next(
        (new for old, new in IN_THEIR_PLACE if isinstance(dataset, old)), None
    )
    device, forced = torch.device(device), choice is True
    useful = kind is not None and device.type == "cuda"
    if choice is False or not (useful or forced):
        return dataset
    if kind is None:
        raise ValueError(
            f"audio_in_memory is True, but {type(dataset).__name__} cannot be "
            "kept in memory: give audio_in_memory: auto."
        )
    if not useful:
        return kind(dataset, device)
    needed, free = bytes_needed(dataset), torch.cuda.mem_get_info(device)[0]
    if needed <= free * (1 if forced else MOST_OF_FREE_MEMORY):
        return kind(dataset, device)
    told = f"{needed / 2**30:.1f} GiB of audio, {free / 2**30:.1f} GiB free"
    if forced:
        raise ValueError(
            f"audio_in_memory is True, but it does not fit {device} ({told}): "
            "give audio_in_memory: False."
        )
    logger.info("Training reads files: too large for %s (%s)", device, told)
    return dataset


def bytes_needed(dataset: PairDataset | DynamicMixture) -> int:
    """How much memory the audio of a dataset takes, by the lengths in its
    manifest and the format of its first files.

    Arguments
    ---------
    dataset : PairDataset or DynamicMixture
        Not read.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(dataset, DynamicMixture):
        seconds = dataset.seconds
        each = max(bytes_of(f[0]) for f in (dataset.speech, dataset.noise))
    else:
        entries = list(dataset.data.values())
        seconds = sum(entry["length"] for entry in entries)
        files = [entries[0][f"{kind}_wav"] for kind in dataset.kinds]
        each = sum(map(bytes_of, files))
    return round(seconds * dataset.sample_rate * each)
