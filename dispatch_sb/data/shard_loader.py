"""Training segments out of shards: every sample at most once in an epoch,
whatever the number of processes, and from the middle of an epoch on as if
nothing had been.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from dispatch_sb.data.freshness import digest
from dispatch_sb.data.pipeline import SharedEpoch, shared_batch
from dispatch_sb.data.segments import (
    random_generator,
    read_segment,
    segment_samples,
)
from dispatch_sb.data.shards import ShardIndex, read_shard, signal_files
from dispatch_sb.data.urls import ShardError

logger = logging.getLogger(__name__)


class ShardDataset(IterableDataset):
    """The segments that one process trains on, read one after the other.

    All shards, in an order drawn for the epoch, are one long row of samples.
    Each rank takes an equal part of the row, each worker of its loader a part
    of that, whole batches each; a worker shuffles in a buffer as it reads. A
    shard on a border is read by both neighbours, each its own part of it.

    Arguments
    ---------
    index : ShardIndex
        What the shards hold.
    batch_size : int
        Samples in a batch; what fills no batch on every rank is left out.
    segment_seconds : float, optional
        As for `pair_dataset`: segments are those of the same files.
    seed : int
        Decides, with the epoch, orders and segments.
    signals : sequence of str, optional
        Which ones; by default all that the shards hold.
    shuffle_buffer : int
        Samples that a worker holds to choose from; 0: the order in which they
        were written.
    sample_rate : int
        That the shards must have, in Hz.
    rank, ranks : int, optional
        Which of how many processes this is; by default as torch knows.

    Raises
    ------
    ValueError
        If the sample rate is another, or there is not a batch for each rank.
    """

    def __init__(
        self,
        index: ShardIndex,
        batch_size: int,
        segment_seconds: float | None = None,
        seed: int = 0,
        signals: Sequence[str] | None = None,
        shuffle_buffer: int = 500,
        sample_rate: int = 16000,
        rank: int | None = None,
        ranks: int | None = None,
    ):
        several = torch.distributed.is_initialized()
        here = torch.distributed.get_rank() if several else 0
        count = torch.distributed.get_world_size() if several else 1
        self.rank = here if rank is None else rank
        self.ranks = count if ranks is None else ranks
        self.index, self.batch_size, self.seed = index, batch_size, seed
        self.signals = tuple(index.signals if signals is None else signals)
        self.shuffle_buffer, self.sample_rate = shuffle_buffer, sample_rate
        self.segment = segment_samples(segment_seconds, sample_rate)
        self.batches = index.samples // (batch_size * self.ranks)
        self.epoch, self.skipped = SharedEpoch(), SharedEpoch()
        if index.sample_rate != sample_rate:
            raise ValueError(
                f"{index.url} is of {index.sample_rate} Hz and not of "
                f"{sample_rate} Hz: convert the files (convert_folder), and "
                "write the shards again."
            )
        if not self.batches:
            raise ValueError(
                f"{index.url} holds {index.samples} samples, not even one "
                f"batch of {batch_size} for each of {self.ranks} processes: "
                "lower batch_size, or give more data."
            )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The samples of this worker, less those of batches that are done."""
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        skipped = self.skipped.get()
        # Batches come from the workers in turn, so the next one is the first's.
        lane = (skipped + worker) % workers
        done = max(0, -((lane - skipped) // workers))
        start, stop = self._part(lane, workers)
        order = self._shuffled(start, stop)[done * self.batch_size :]
        wanted, held = set(order), {}
        arriving = self._arriving(start, stop, wanted)
        for place in order:
            while place not in held:
                number, sample = next(arriving)
                if number in wanted:
                    held[number] = sample
            yield self._item(held.pop(place))
        for _ in arriving:  # to the end of the last shard, and its check
            pass

    def _part(self, lane: int, workers: int) -> tuple[int, int]:
        """Where in the row of samples a worker begins and ends."""
        each, more = divmod(self.batches, workers)
        first = self.rank * self.batches + lane * each + min(lane, more)
        count = each + (lane < more)
        return first * self.batch_size, (first + count) * self.batch_size

    def _shuffled(self, start: int, stop: int) -> list[int]:
        """In which order a part of the row leaves the buffer."""
        row = range(start, stop)
        if not self.shuffle_buffer:
            return list(row)
        rng = random_generator(self.seed, self.epoch.get(), f"order {start}")
        held = list(row[: self.shuffle_buffer])
        left = iter(row[self.shuffle_buffer :])
        order = []
        for share in rng.random(len(row)):
            chosen = int(share * len(held))
            held[chosen], held[-1] = held[-1], held[chosen]
            order.append(held.pop())
            held += itertools.islice(left, 1)
        return order

    def _arriving(self, start: int, stop: int, wanted: set) -> Iterator[tuple]:
        """Samples of a part of the row, as they are read, by their place;
        shards of which nothing is wanted are not opened."""
        shards = self.index.shards
        order = np.arange(len(shards))
        if self.shuffle_buffer:
            rng = random_generator(self.seed, self.epoch.get(), "shards")
            order = rng.permutation(order)
        begin = 0
        for shard in (shards[number] for number in order):
            end = begin + shard.samples
            inside = range(max(start, begin), min(stop, end))
            needed = [place for place in inside if place in wanted]
            if needed:
                last = needed[-1] + 1
                part = read_shard(shard, needed[0] - begin, last - begin)
                yield from enumerate(part, needed[0])
            begin = end

    def _item(self, sample: dict) -> dict[str, Any]:
        """A segment of a sample, under the names of `pair_dataset`."""
        key, files = signal_files(sample, self.signals)
        rng = random_generator(self.seed, self.epoch.get(), key)
        try:
            signals = read_segment(files, self.segment, rng, self.sample_rate)
        except ValueError as error:
            raise ShardError(str(error)) from error
        named = zip(self.signals, map(torch.from_numpy, signals))
        return {"id": key, **{f"{kind}_sig": signal for kind, signal in named}}


OPTIONS = set(inspect.signature(ShardDataset).parameters)


@register_checkpoint_hooks
class ShardLoader(DataLoader):
    """Loads batches out of shards; what SpeechBrain's ``SaveableDataLoader``
    is to files, and like it a recoverable of a ``Checkpointer``: after an
    interruption in the middle of an epoch the batches are those that were
    left.

    Every rank has as many batches. Their order depends on the number of ranks
    and of workers.

    Arguments
    ---------
    index : ShardIndex
        What the shards hold.
    batch_size : int
        Samples in a batch, on each rank.
    num_workers : int
        Processes that load; 0: this one.
    shuffle : bool
        Whether the order is drawn for each epoch.
    drop_last : bool
        True: what fills no batch on every rank is left out.
    **kwargs
        Those of `ShardDataset`, and of torch's ``DataLoader``.

    Raises
    ------
    ValueError
        As for `ShardDataset`; and if ``drop_last`` is False.
    """

    def __init__(
        self,
        index: ShardIndex,
        batch_size: int,
        num_workers: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        **kwargs: Any,
    ):
        if not drop_last:
            raise ValueError(
                "train_loader_kwargs.drop_last is False, but shards give whole "
                "batches only, as many to each process: give True."
            )
        if not shuffle:
            kwargs["shuffle_buffer"] = 0
        options = {key: kwargs.pop(key) for key in OPTIONS if key in kwargs}
        dataset = ShardDataset(index, batch_size, **options)
        super().__init__(
            dataset,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=shared_batch,
            **kwargs,
        )
        self._resume_at, self._seen = 0, 0
        used = dataset.batches * batch_size * dataset.ranks
        logger.info(
            "%s: %d samples, in an epoch %d batches of %d on each of %d "
            "processes; %d samples are left out, others in each epoch",
            index.url,
            index.samples,
            dataset.batches,
            batch_size,
            dataset.ranks,
            index.samples - used,
        )

    def __len__(self) -> int:
        return self.dataset.batches

    def __iter__(self) -> Iterator[PaddedBatch]:
        self._seen, self._resume_at = self._resume_at, 0
        self.dataset.skipped.set(self._seen)
        for batch in super().__iter__():
            self._seen += 1
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Makes orders and segments those of an epoch.

        Arguments
        ---------
        epoch : int
            The epoch's number, 0 or more. Call this before iterating.
        """
        self.dataset.epoch.set(epoch)

    def _plan(self) -> str:
        """A digest of all that decides which batch is which."""
        data = self.dataset
        hashes = [shard.sha256 for shard in data.index.shards]
        sizes = [data.ranks, self.num_workers, data.batch_size]
        return digest([hashes, sizes, data.seed, data.shuffle_buffer])

    @mark_as_saver
    def _save(self, path) -> None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"batches": self._seen, "plan": self._plan()}, file)

    @mark_as_loader
    def _load(self, path, end_of_epoch) -> None:
        if end_of_epoch:
            return
        with open(path, encoding="utf-8") as file:
            saved = json.load(file)
        if saved["plan"] != self._plan():
            raise ShardError(
                f"{path} stands in the middle of an epoch with other shards, "
                "seed, batch_size, num_workers or number of processes: go on "
                "with the same ones, or delete the folder it is in."
            )
        self._resume_at = saved["batches"]
