"""A few steps on batches that several processes share.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from dispatch_sb.losses.features import SimilarityPreserving
from dispatch_sb.losses.gradient_share import at_gradient_share
from dispatch_sb.training.ranks import share_batch_norm

UTTERANCES, SAMPLES, CHANNELS = 8, 64, 3


class Norm(nn.BatchNorm1d):
    """Normalises in a way of its own, as far as memory is concerned."""

    def forward(self, x):
        """``[batch, channels, frames]`` in and out."""
        rows = x.mT
        return super().forward(rows.flatten(0, 1)).view_as(rows).mT


class Network(nn.Module):
    """Normalises twice, in one and in two dimensions, far from zero."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, CHANNELS, 5, padding=2, bias=False)
        self.norm = Norm(CHANNELS, momentum=None)
        self.norm2 = nn.BatchNorm2d(CHANNELS, affine=False)
        self.last = nn.Conv1d(CHANNELS, 1, 5, padding=2)

    def forward(self, noisy):
        """Waveforms in and out, and the features between."""
        features = self.norm(self.first(noisy[:, None]) + 100).contiguous()
        features = self.norm2(features.tanh()[..., None])[..., 0]
        return self.last(features)[:, 0], features[..., None]


def whole_batch():
    """Noisy, teacher's and clean waveforms, some utterances far louder."""
    generator = torch.Generator().manual_seed(0)
    signals = torch.randn(3, UTTERANCES, SAMPLES, generator=generator)
    return signals * torch.logspace(-1, 1, UTTERANCES)[:, None]


def trained(rank, count):
    """Losses, weights and buffers after a few steps on this rank's part."""
    torch.manual_seed(0)
    network = share_batch_norm(Network().double(), "cpu")
    model = network
    if count > 1:
        model = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    noisy, taught, clean = whole_batch().double()[:, rank::count]
    known = taught.unflatten(1, (1, -1, 1))
    losses = []
    for _ in range(4):
        enhanced, features = model(noisy)
        own = (enhanced - clean).abs().mean()
        other = (enhanced - taught).square().mean()
        other, weight = at_gradient_share(other, own, enhanced, 0.8)
        alike = SimilarityPreserving()(features, known)
        loss = own + other + alike
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(torch.stack([loss.detach(), weight]))
    return torch.stack(losses), network.eval().state_dict()


def work(rank, count, place):
    """One of several processes."""
    distributed.init_process_group(
        "gloo", f"file://{place}/meet", rank=rank, world_size=count
    )
    losses, state = trained(rank, count)
    distributed.all_reduce(losses)
    torch.save((losses / count, state), f"{place}/{rank}.pt")
    distributed.destroy_process_group()
