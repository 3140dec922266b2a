"""What processes that train together share: sums and rows of tensors, through
which gradient flows, and work.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed


def process_count() -> int:
    """How many processes train together.

    Returns
    -------
    int
        1 without a process group.

    Example
    -------
    >>> process_count()
    1
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


class _Sum(torch.autograd.Function):
    """torch's own, in `torch.distributed.nn.functional`, is deprecated."""

    @staticmethod
    def forward(ctx, tensor):
        total = tensor.contiguous().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient):
        return _Sum.apply(gradient)


def summed(tensor: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, which all call this at once.

    Gradient flows back to the tensor of every process, from the losses of all:
    averaged over processes, as `DistributedDataParallel` does, it is that of
    their mean loss.

    Arguments
    ---------
    tensor : torch.Tensor
        Of one shape in all processes.

    Returns
    -------
    torch.Tensor
        The same shape; the tensor itself, if there is one process.

    Example
    -------
    >>> summed(torch.ones(2))
    tensor([1., 1.])
    """
    return _Sum.apply(tensor) if process_count() > 1 else tensor


def gathered(rows: torch.Tensor) -> torch.Tensor:
    """The rows of all processes, one process after the other; gradient flows
    as in `summed`.

    Arguments
    ---------
    rows : torch.Tensor
        ``[rows, ...]``, of one shape in all processes.

    Returns
    -------
    torch.Tensor
        ``[processes * rows, ...]``.

    Example
    -------
    >>> gathered(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    count = process_count()
    if count == 1:
        return rows
    places = [torch.zeros_like(rows)] * count
    places[distributed.get_rank()] = rows
    return summed(torch.cat(places))


def own_part(items: Sequence) -> Sequence:
    """Every n-th item, of n processes: the share of this one in a work.

    Arguments
    ---------
    items : sequence
        The same in all processes.

    Returns
    -------
    sequence
        All of them, if there is one process.

    Example
    -------
    >>> own_part([1, 2, 3])
    [1, 2, 3]
    """
    count = process_count()
    return items if count == 1 else items[distributed.get_rank() :: count]


def from_all(value: Any, patient: bool = False) -> list:
    """What all processes hold, in their order; all call this at once.

    Arguments
    ---------
    value : Any
        Picklable, and not on a GPU.
    patient : bool
        Whether to wait a day for the slowest, not as long as the process
        group does.

    Returns
    -------
    list
        One value for each process.

    Example
    -------
    >>> from_all("mine")
    ['mine']
    """
    values = [value] * process_count()
    if len(values) > 1:
        group = None
        if patient:
            day = datetime.timedelta(days=1)
            group = distributed.new_group(backend="gloo", timeout=day)
        distributed.all_gather_object(values, value, group)
    return values
