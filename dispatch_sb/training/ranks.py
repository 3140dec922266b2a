"""What makes several processes train as one does: one order of the data, one
normalisation, one mean.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import os
import platform
from collections.abc import Mapping, Sized
from pathlib import Path

import torch
from speechbrain.dataio.sampler import ReproducibleRandomSampler
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import IterableDataset

from dispatch_sb.losses.all_processes import gathered, own_part, process_count
from dispatch_sb.processes import available_cpus


def one_order(dataset: Sized, loader_kwargs: Mapping) -> dict:
    """Makes processes shuffle alike: the batches of all are, together, those
    of one process.

    Without this SpeechBrain shuffles in another way as soon as there are
    several.

    Arguments
    ---------
    dataset : Dataset
        What is trained on.
    loader_kwargs : Mapping
        For `speechbrain.Brain.make_dataloader`, with the size of the batch of
        one process.

    Returns
    -------
    dict
        The same, with a sampler in place of ``shuffle`` if there are several
        processes, of which SpeechBrain gives each of n every n-th item.

    Example
    -------
    >>> one_order(["a", "b"], {"shuffle": True})
    {'shuffle': True}
    """
    kwargs = dict(loader_kwargs)
    own = isinstance(dataset, IterableDataset) or process_count() == 1
    if own or not kwargs.get("shuffle"):
        return kwargs
    seed = os.environ.get("SB_GLOBAL_SEED", 563375142)  # as in SpeechBrain
    sampler = ReproducibleRandomSampler(dataset, seed=seed)
    return {**kwargs, "shuffle": False, "sampler": sampler}


def own_share(dataset: Sized, loader_kwargs: Mapping) -> dict:
    """Divides what is only evaluated among processes, each item once.

    Arguments
    ---------
    dataset : Dataset
        What validates.
    loader_kwargs : Mapping
        For its loader.

    Returns
    -------
    dict
        The same, with a sampler if there are several processes.

    Example
    -------
    >>> own_share(["a", "b"], {"batch_size": 4})
    {'batch_size': 4}
    """
    if process_count() == 1:
        return dict(loader_kwargs)
    return {**loader_kwargs, "sampler": own_part(range(len(dataset)))}


def share_of_workers(workers: int | None) -> int:
    """Divides the processes that score among the trainers of a machine.

    Arguments
    ---------
    workers : int, optional
        Of a machine; one for each CPU if None.

    Returns
    -------
    int
        At least 1.

    Example
    -------
    >>> share_of_workers(3)
    3
    """
    trainers = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return max(1, (workers or available_cpus()) // trainers)


def check_seen_by_all(path: Path) -> None:
    """Refuses machines that do not share the run's folder.

    Arguments
    ---------
    path : Path
        A file that the main process has written.

    Raises
    ------
    ValueError
        If this process does not see it.

    Example
    -------
    >>> path = getfixture("tmp_path") / "hyperparams.yaml"
    >>> check_seen_by_all(path)
    Traceback (most recent call last):
    ...
    ValueError: .../hyperparams.yaml, which rank 0 has just written, ...
    """
    if not path.is_file():
        raise ValueError(
            f"{path}, which rank 0 has just written, is not there on the "
            f"machine {platform.node()}: give an output_folder that all "
            "machines share."
        )


class _SharedStatistics:
    """Batch normalisation by the batch of all processes."""

    def forward(self, features):
        """Normalises ``[batch, channels, ...]``, as torch's layer does."""
        if not self.training or process_count() == 1:
            return super().forward(features)
        self._check_input_dim(features)
        given = features.dtype
        features = features.to(torch.promote_types(given, torch.float32))
        kept = [1, -1] + [1] * (features.dim() - 2)
        mean, variance, count = _moments(features)
        self._remember(mean.detach(), variance.detach(), count)
        scale = torch.rsqrt(variance + self.eps)
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        normal = torch.addcmul(shift.view(kept), features, scale.view(kept))
        return normal.to(given)

    @torch.no_grad()
    def _remember(self, mean, variance, count):
        """Moves the running statistics, as torch's layer does."""
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / float(self.num_batches_tracked)
        unbiased = variance * count / (count - 1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(unbiased, momentum)


def _moments(features):
    """Mean and variance of every channel over the batches of all processes,
    and how many values each was taken from."""
    axes = [axis for axis in range(features.dim()) if axis != 1]
    variance, mean = torch.var_mean(features, axes, correction=0)
    # Moments of each process in a place of its own, not sums of squares:
    # where the mean is large, these cancel.
    count = features.numel() // features.shape[1]
    own = torch.stack([torch.full_like(mean, count), mean, variance])
    counts, means, variances = gathered(own[None]).unbind(1)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    return mean, variance, counts.detach().sum(0)


@functools.cache
def _shared(kind: type) -> type:
    """A kind of batch normalisation, with the statistics of all processes."""
    return type(f"Shared{kind.__name__}", (_SharedStatistics, kind), {})


def share_batch_norm(network: nn.Module, device_type: str) -> nn.Module:
    """Makes all batch normalisation that of the batches of all processes.

    Arguments
    ---------
    network : torch.nn.Module
        Changed in place. Parameters and their names stay.
    device_type : str
        On a GPU torch's `SyncBatchNorm` does it; it knows no CPUs.

    Returns
    -------
    torch.nn.Module
        The network.

    Example
    -------
    >>> network = nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2))
    >>> shared = share_batch_norm(network, "cpu")
    >>> isinstance(shared[1], nn.BatchNorm1d), shared is network
    (True, True)
    """
    if device_type != "cpu":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            # In its place, since hooks and lists may hold the layer.
            layer.__class__ = _shared(type(layer))
    return network
