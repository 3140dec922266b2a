"""From a pair manifest to training segments: noisy and clean speech, and a
recorded teacher's, cut with one offset, which depends on the seed, the epoch
and the utterance alone.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence, Sized
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch.utils.data import get_worker_info

from dispatch_sb.data.disk import reading
from dispatch_sb.data.manifest import PAIR, located_manifest
from dispatch_sb.data.segments import (
    random_generator,
    read_segment,
    segment_samples,
)


class SharedEpoch:
    """The number of the current epoch, seen by every copy of a dataset.

    The number lies in shared memory, so worker processes of a DataLoader that
    outlive an epoch see it change, and so do SpeechBrain's filtered views,
    which copy a dataset's pipeline. Where a container denies shared memory,
    this process and workers that start with the epoch still see it.

    Arguments
    ---------
    value : int
        The first epoch's number.

    Example
    -------
    >>> from copy import deepcopy
    >>> epoch = SharedEpoch()
    >>> view = deepcopy(epoch)
    >>> epoch.set(3)
    >>> view.get()
    3
    """

    def __init__(self, value: int = 0):
        self._value = torch.zeros((), dtype=torch.int64)
        with contextlib.suppress(RuntimeError):  # where there is none to share
            self._value.share_memory_()
        self.set(value)

    def __deepcopy__(self, memo):
        return self

    def get(self) -> int:
        """Returns the epoch's number."""
        return int(self._value)

    def set(self, value: int):
        """Sets the epoch's number, in every process that holds a copy."""
        self._value.fill_(int(value))


def shared_batch(items: list) -> PaddedBatch:
    """SpeechBrain's batch of items. A loading process that cannot hand it over
    ends: its shared memory is full, say, or TMPDIR's path too long. Otherwise
    whoever asked for the batch would wait for ever.

    Arguments
    ---------
    items : list of dict
        Signals by key.

    Returns
    -------
    PaddedBatch

    Example
    -------
    >>> items = [{"id": "a", "noisy_sig": torch.ones(n)} for n in (2, 4)]
    >>> shared_batch(items).noisy_sig.lengths
    tensor([0.5000, 1.0000])
    """
    if get_worker_info() is not None:
        Queue._on_queue_feeder_error = staticmethod(_end)
    return PaddedBatch(items)


def _end(error, batch):
    """Ends this process, whatever its other threads do."""
    sys.stderr.write(f"\n{type(error).__name__}: {error}\n")
    sys.stderr.flush()
    os._exit(1)


class EpochDataset(DynamicItemDataset):
    """SpeechBrain's dataset, plus an epoch that its random choices follow.

    Arguments
    ---------
    data : dict
        Data points by id, as for ``DynamicItemDataset``.
    load : callable
        Takes values of a data point and returns its signals. Its random
        choices follow the epoch.
    takes : list of str
        Keys of the values that ``load`` takes.
    epoch : SharedEpoch
        The epoch that ``load`` reads.
    signals : sequence of str
        Keys of the signals that ``load`` returns.
    """

    def __init__(
        self,
        data: dict,
        load,
        takes: list,
        epoch: SharedEpoch,
        signals: Sequence[str] = ("noisy_sig", "clean_sig"),
    ):
        super().__init__(data)
        self._epoch = epoch
        self.add_dynamic_item(load, takes=takes, provides=list(signals))
        self.set_output_keys(["id", *signals])

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return self._epoch.get()

    def set_epoch(self, epoch: int):
        """Makes the random choices those of an epoch.

        Arguments
        ---------
        epoch : int
            The epoch's number, 0 or more. Call this before iterating.
        """
        self._epoch.set(epoch)


class PairDataset(EpochDataset):
    """Files of one length, cut alike; `pair_dataset` makes it.

    Arguments
    ---------
    entries : dict
        Of each utterance, by its id, the paths ``<kind>_wav`` and ``length``
        in seconds.
    kinds : sequence of str
        Which of them are read: "noisy", "clean" and any number of teachers.
    segment : int, optional
        Samples of a segment; None gives whole utterances.
    seed : int
        Seed of the offsets.
    sample_rate : int
        The rate that the files must have, in Hz.
    """

    def __init__(
        self,
        entries: dict,
        kinds: Sequence[str],
        segment: int | None,
        seed: int,
        sample_rate: int,
    ):
        self.kinds = tuple(kinds)
        self.segment = segment
        self.seed = seed
        self.sample_rate = sample_rate
        super().__init__(
            entries,
            load=self._load,
            takes=["id", *(f"{kind}_wav" for kind in kinds)],
            epoch=SharedEpoch(),
            signals=["noisy_sig", "clean_sig", "teacher_sig"][: len(kinds)],
        )

    def generator(self, utterance: str) -> np.random.Generator:
        """What draws the offset of an utterance in the current epoch.

        Arguments
        ---------
        utterance : str
            Its id.

        Returns
        -------
        numpy.random.Generator
        """
        return random_generator(self.seed, self.epoch, utterance)

    def _load(self, utterance, *paths):
        """The signals of an utterance, ``[samples]`` each, cut alike."""
        rng, seconds = self.generator(utterance), self.data[utterance]["length"]
        with reading(utterance):
            signals = read_segment(
                paths, self.segment, rng, self.sample_rate, seconds
            )
        return together([torch.from_numpy(signal) for signal in signals])


def together(signals: Sequence[torch.Tensor]) -> tuple:
    """What was read of an utterance, or of a batch, as a dataset gives it.

    Arguments
    ---------
    signals : sequence of torch.Tensor
        Noisy, clean, and those of any number of recorded teachers, all of one
        shape, ``[..., samples]``.

    Returns
    -------
    tuple of torch.Tensor
        The same; several teachers as one, ``[..., samples, teachers]``.

    Example
    -------
    >>> [signal.shape for signal in together(torch.zeros(4, 2, 8))]
    [torch.Size([2, 8]), torch.Size([2, 8]), torch.Size([2, 8, 2])]
    """
    noisy, clean, *taught = signals
    if len(taught) > 1:
        taught = [torch.stack(taught, dim=-1)]
    return noisy, clean, *taught


def pair_dataset(
    manifest_json: str | Path,
    data_root: str | Path,
    segment_seconds: float | None = None,
    seed: int = 0,
    sample_rate: int = 16000,
    teacher: Any = None,
) -> PairDataset:
    """Builds the dataset of a manifest of noisy and clean pairs.

    Arguments
    ---------
    manifest_json : str or Path
        Manifest as ``write_pair_manifest`` writes it.
    data_root : str or Path
        The folder that stands for ``{data_root}`` in the manifest.
    segment_seconds : float, optional
        Length of the training segments: a random crop, the same for all
        signals. A shorter utterance goes round until it fills the segment, so
        that training never sees padding. None gives whole utterances.
    seed : int
        Seed of the offsets, which depend on (seed, epoch, id) alone.
    sample_rate : int
        The rate that the files must have, in Hz.
    teacher : RecordedTeacher or TeacherGroup, optional
        Its ``recording_of`` gives the file, of the same length, that answers
        each noisy file; of several teachers, that of each which is recorded.

    Returns
    -------
    PairDataset
        With the keys ``id``, ``noisy_sig``, ``clean_sig`` and, with a teacher,
        ``teacher_sig`` (float32, ``[samples]``; of several recorded teachers
        ``[samples, teachers]``), and ``set_epoch``.

    Raises
    ------
    ValueError
        If the teacher has no answer to a noisy file.
    """
    kinds = ["noisy", "clean"]
    entries = located_manifest(manifest_json, data_root, PAIR)
    recorded = (
        [] if teacher is None else getattr(teacher, "recorded", [teacher])
    )
    for number, one in enumerate(recorded):
        kinds.append(f"teacher_{number}" if number else "teacher")
        for entry in entries.values():
            noisy = entry["noisy_wav"]
            if (recording := one.recording_of(noisy)) is None:
                raise ValueError(f"{noisy} has no recording: record it first.")
            entry[f"{kinds[-1]}_wav"] = str(recording)
    segment = segment_samples(segment_seconds, sample_rate)
    return PairDataset(entries, kinds, segment, seed, sample_rate)


def check_fills_a_batch(dataset: Sized, batch_size: int) -> None:
    """Refuses a training set that would not make a single step.

    Arguments
    ---------
    dataset : Sized
        What is trained on; a last batch that is not full is left out.
    batch_size : int
        Items in a batch.

    Raises
    ------
    ValueError
        If there are fewer items than that.

    Example
    -------
    >>> check_fills_a_batch(["a", "b"], 8)
    Traceback (most recent call last):
    ...
    ValueError: There are 2 items to train on, not even one batch of 8: ...
    """
    if len(dataset) < batch_size:
        raise ValueError(
            f"There are {len(dataset)} items to train on, not even one batch "
            f"of {batch_size}: lower batch_size, or give more data."
        )
