"""A batch in as many parts as its memory asks for.

Authors
 * The dispatch-sb contributors, 2026
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from speechbrain.dataio.batch import PaddedData
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dispatch_sb.data.audio_store import Batch

# How libraries say it that have no exception of their own for it.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "ALLOC_FAILED",
    "bad_alloc",
    "bad allocation",
    # oneDNN tells no reason, but has hardly another one.
    "could not create a primitive",
    "could not create a memory object",
    "could not execute a primitive",
)


class TrainingStopped(RuntimeError):
    """Training cannot go on; the message is for the user."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory, of host or GPU, ran out.

    Arguments
    ---------
    error : BaseException
        Any.

    Returns
    -------
    bool

    Example
    -------
    >>> is_out_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"))
    True
    >>> is_out_of_memory(RuntimeError("shapes differ"))
    False
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    known = isinstance(error, RuntimeError)
    return known and any(words in str(error) for words in OUT_OF_MEMORY)


def parts_of(batch: Any, most: int) -> list:
    """Splits a batch into equal parts, or nearly so.

    Arguments
    ---------
    batch : PaddedBatch or Batch
        With ``noisy_sig``; what else it holds is split alike.
    most : int
        Utterances in a part, at most. All have the width of the batch.

    Returns
    -------
    list
        The batch itself, if it is small enough.

    Example
    -------
    >>> signal = PaddedData(torch.zeros(5, 8), torch.ones(5))
    >>> batch = Batch(id=list("abcde"), noisy_sig=signal)
    >>> [part.id for part in parts_of(batch, 2)]
    [['a'], ['b', 'c'], ['d', 'e']]
    """
    total = len(batch.noisy_sig.data)
    if total <= most:
        return [batch]
    count = -(-total // most)
    edges = [total * number // count for number in range(count + 1)]
    held = {k: v for k, v in vars(batch).items() if not k.startswith("_")}
    return [
        Batch(**{k: _cut(value, slice(*ends)) for k, value in held.items()})
        for ends in zip(edges, edges[1:])
    ]


def _cut(value, rows):
    """Some rows of what a batch holds."""
    if isinstance(value, PaddedData):
        return PaddedData(*(tensor[rows] for tensor in value))
    return value[rows]


@contextmanager
def norms_of_parts(network: nn.Module, count: int) -> Iterator[Callable]:
    """Batch normalisation of a batch in parts: its running statistics move as
    far as a whole batch moves them, all parts counting alike. What it
    normalises by are the statistics of each part.

    Arguments
    ---------
    network : torch.nn.Module
        What is trained.
    count : int
        Of the parts.

    Yields
    ------
    callable
        To be given the number of the next part, from 0.

    Example
    -------
    >>> layer = nn.BatchNorm1d(1, momentum=0.1)
    >>> with norms_of_parts(layer, 2) as begin:
    ...     for number, value in enumerate((2.0, 4.0)):
    ...         begin(number)
    ...         _ = layer(torch.full((1, 1, 8), value))
    >>> round(float(layer.running_mean), 6), layer.momentum
    (0.3, 0.1)
    """
    layers = [x for x in network.modules() if isinstance(x, _BatchNorm)]
    momenta = [(x, x.momentum) for x in layers if x.momentum is not None]

    def begin(number):
        for layer, momentum in momenta:
            share = momentum / count
            layer.momentum = share / (1 - (count - 1 - number) * share)

    try:
        yield begin
    finally:
        for layer, momentum in momenta:
            layer.momentum = momentum
