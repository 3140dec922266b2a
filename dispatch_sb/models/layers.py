"""Building blocks of FastEnhancer, and their normalisations folded away for
deployment.

Source of the structure: arXiv 2509.21867; the implementation is our own.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import torch
from torch import nn
from torch.nn import functional

from dispatch_sb.models.recurrence import GRU, trained_on_cpu

COMPRESSION = 0.3  # power that the magnitude is raised to inside the network


def frequency_filterbank(
    bins: int, bands: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fixed triangular filters, evenly spaced over frequency.

    Arguments
    ---------
    bins : int
        Frequency bins outside.
    bands : int
        Overlapping bands inside, at least 2.

    Returns
    -------
    torch.Tensor
        ``[bins, bands]``: each column averages one band (sums to 1).
    torch.Tensor
        ``[bands, bins]``: each column interpolates one bin (sums to 1).

    Example
    -------
    >>> reduce, expand = frequency_filterbank(bins=64, bands=16)
    >>> reduce.shape, bool((reduce.sum(0) - 1).abs().max() < 1e-6)
    (torch.Size([64, 16]), True)
    """
    centres = torch.linspace(0, bins - 1, bands)
    spacing = (bins - 1) / (bands - 1)
    distance = (torch.arange(bins)[:, None] - centres).abs() / spacing
    triangles = (1 - distance).clamp(min=0)
    reduce = triangles / triangles.sum(dim=0, keepdim=True)
    expand = (triangles / triangles.sum(dim=1, keepdim=True)).T
    return reduce.contiguous(), expand.contiguous()


def position_embedding(positions: int, channels: int) -> torch.Tensor:
    """Sines and cosines of the position, frequencies evenly spaced in log.

    Arguments
    ---------
    positions : int
        Number of positions.
    channels : int
        Even number of channels.

    Returns
    -------
    torch.Tensor
        ``[positions, channels]``.

    Example
    -------
    >>> position_embedding(16, 20).shape
    torch.Size([16, 20])
    """
    angle = torch.arange(1, positions + 1) * (math.pi / positions)
    speed = torch.linspace(0, math.log(positions - 1), channels // 2).exp()
    grid = angle[:, None] * speed
    return torch.cat([grid.sin(), grid.cos()], dim=1)


def _channels_adjacent(x: torch.Tensor) -> bool:
    """Whether the other order in memory pays: measured on CPUs alone."""
    return x.device.type == "cpu" and not x.is_contiguous()


def _in_two_dimensions(convolve, layer, x):
    """A convolution along the last axis that keeps the order in memory."""
    return convolve(
        x.unsqueeze(2),
        layer.weight.unsqueeze(2),
        layer.bias,
        stride=(1, layer.stride[0]),
        padding=(0, layer.padding[0]),
    ).squeeze(2)


class Convolution(nn.Conv1d):
    """Convolution along frequency. As in two dimensions, the output has its
    channels adjacent in memory if the input has: on a CPU twice as fast.
    With kernel 1 the input may be a pair, see `beside`.

    Arguments
    ---------
    *args, **kwargs : see `torch.nn.Conv1d`

    Example
    -------
    >>> channels_adjacent = torch.randn(5, 64, 24).mT
    >>> output = Convolution(24, 20, 3, padding=1)(channels_adjacent)
    >>> output.shape, output.mT.is_contiguous()
    (torch.Size([5, 20, 64]), True)
    """

    def forward(self, x: torch.Tensor | tuple) -> torch.Tensor:
        """``[frames, channels, bins]`` in and out."""
        if isinstance(x, tuple):
            return self._of_both(*x)
        if not _channels_adjacent(x):
            return super().forward(x)
        return _in_two_dimensions(functional.conv2d, self, x)

    def _of_both(self, first, second):
        """A sum of two products: nothing is copied to be in one tensor."""
        sizes = first.shape[1], second.shape[1]
        weights = self.weight.squeeze(2).split(sizes, dim=1)
        rows = [x.mT.flatten(0, 1) for x in (first, second)]
        total = functional.linear(rows[0], weights[0], self.bias)
        total.addmm_(rows[1], weights[1].t())
        return total.unflatten(0, (len(first), -1)).mT


class Upsampling(nn.ConvTranspose1d):
    """Transposed convolution along frequency, with the order in memory of
    `Convolution`.

    Arguments
    ---------
    *args, **kwargs : see `torch.nn.ConvTranspose1d`

    Example
    -------
    >>> channels_adjacent = torch.randn(5, 64, 24).mT
    >>> Upsampling(24, 2, 8, 4, padding=2)(channels_adjacent).shape
    torch.Size([5, 2, 256])
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[frames, channels, bins]`` in and out."""
        if not _channels_adjacent(x):
            return super().forward(x)
        return _in_two_dimensions(functional.conv_transpose2d, self, x)


class BinNorm(nn.BatchNorm1d):
    """Batch normalisation of every channel over frames and bins; keeps the
    order in memory.

    Arguments
    ---------
    channels : int
        Channels in and out.

    Example
    -------
    >>> BinNorm(24)(torch.randn(5, 64, 24).mT).shape
    torch.Size([5, 24, 64])
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[frames, channels, bins]`` in and out."""
        if not _channels_adjacent(x):
            return super().forward(x)
        rows = x.mT
        return super().forward(rows.flatten(0, 1)).view_as(rows).mT


def normalised_convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1
) -> nn.Sequential:
    """A convolution along frequency, normalised and activated.

    Arguments
    ---------
    inputs, outputs : int
        Channels.
    kernel, stride : int
        As many bins go in as come out, or a ``stride``-th of them.

    Returns
    -------
    torch.nn.Sequential

    Example
    -------
    >>> layers = normalised_convolution(2, 24, 8, stride=4)
    >>> layers(torch.randn(5, 2, 256)).shape
    torch.Size([5, 24, 64])
    """
    padding = (kernel - stride) // 2
    return nn.Sequential(
        Convolution(inputs, outputs, kernel, stride, padding, bias=False),
        BinNorm(outputs),
        nn.SiLU(),
    )


def beside(
    first: torch.Tensor, second: torch.Tensor, model: nn.Module
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """The channels of two tensors, for a `Convolution` of kernel 1: as one
    tensor, or as a pair where that trains quicker.

    Arguments
    ---------
    first, second : torch.Tensor
        ``[frames, channels, bins]``.
    model : torch.nn.Module
        Whose layers they are.

    Returns
    -------
    torch.Tensor or tuple
        ``[frames, channels of both, bins]``, or both.

    Example
    -------
    >>> x, layer = torch.randn(5, 24, 64), Convolution(48, 24, 1)
    >>> beside(x, x, layer).shape
    torch.Size([5, 48, 64])
    >>> layer(beside(x.mT.contiguous().mT, x, layer)).shape
    torch.Size([5, 24, 64])
    """
    if _channels_adjacent(first) and trained_on_cpu(model, first):
        return first, second
    if first.is_contiguous():
        return torch.cat([first, second], dim=1)
    return torch.cat([first.mT, second.mT], dim=2).mT


class FrequencyAttention(nn.Module):
    """Multi-head self-attention over the bands of one frame.

    Arguments
    ---------
    channels : int
        Channels, a multiple of ``heads``.
    heads : int
        Attention heads.

    Raises
    ------
    ValueError
        If ``channels`` is no multiple of ``heads``.

    Example
    -------
    >>> FrequencyAttention(20, 4)(torch.randn(5, 16, 20)).shape
    torch.Size([5, 16, 20])
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        if channels % heads:
            raise ValueError(
                f"block_channels must be a multiple of heads = {heads}, "
                f"got {channels}."
            )
        self.heads = heads
        self.project = nn.Linear(channels, 3 * channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Mixes bands: ``[frames, bands, channels]`` in and out."""
        frames, bands, channels = x.shape
        qkv = self.project(x).view(frames, bands, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if trained_on_cpu(self, x):
            # Torch's kernel is made for more bands than these.
            scale = query.shape[-1] ** -0.5
            mixed = (query * scale @ key.mT).softmax(-1) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(frames, bands, channels)


class NormalisedLinear(nn.Sequential):
    """Linear layer and batch normalisation over the last axis.

    Arguments
    ---------
    channels : int
        Channels in and out.

    Example
    -------
    >>> NormalisedLinear(20)(torch.randn(7, 2, 16, 20)).shape
    torch.Size([7, 2, 16, 20])
    """

    def __init__(self, channels: int):
        super().__init__(
            nn.Linear(channels, channels, bias=False),
            nn.BatchNorm1d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[..., channels]`` in and out."""
        return super().forward(x.flatten(0, -2)).view_as(x)


class RecurrentAttentionBlock(nn.Module):
    """A recurrent network along time, then attention along frequency.

    Arguments
    ---------
    channels : int
        Channels in and out.
    heads : int
        Attention heads.
    positions : int, optional
        Number of bands; if given, a trained embedding of the band's position
        is added before attention.

    Example
    -------
    >>> block = RecurrentAttentionBlock(20, heads=4)
    >>> frames = torch.randn(10, 2, 16, 20)
    >>> output, memory = block(frames, torch.zeros(2, 16, 20))
    >>> output.shape, memory.shape
    (torch.Size([10, 2, 16, 20]), torch.Size([2, 16, 20]))
    """

    def __init__(self, channels: int, heads: int, positions: int | None = None):
        super().__init__()
        self.recurrent = GRU(channels, channels)
        self.after_recurrent = NormalisedLinear(channels)
        self.attention = FrequencyAttention(channels, heads)
        self.after_attention = NormalisedLinear(channels)
        self.position = None
        if positions is not None:
            self.position = nn.Parameter(
                position_embedding(positions, channels)
            )

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs any number of frames.

        Arguments
        ---------
        x : torch.Tensor
            ``[frames, batch, bands, channels]``.
        memory : torch.Tensor
            ``[batch, bands, channels]``, from the frame before the first.

        Returns
        -------
        torch.Tensor
            The shape of ``x``.
        torch.Tensor
            Memory after the last frame, the shape of ``memory``.
        """
        steps, last = self.recurrent(
            x.flatten(1, 2), memory.flatten(0, 1).unsqueeze(0).to(x.dtype)
        )
        x = x + self.after_recurrent(steps.view_as(x))
        if self.position is not None:
            x = x + self.position
        mixed = self.attention(x.flatten(0, 1)).view_as(x)
        return x + self.after_attention(mixed), last.view_as(memory)


class MaskHead(nn.Module):
    """From the decoder's channels to a complex mask at full resolution.

    The mask starts near one (real part 1, imaginary part 0): an untrained
    network passes its input through instead of destroying it.

    Arguments
    ---------
    channels : int
        Channels of the decoder.

    Example
    -------
    >>> MaskHead(24)(torch.randn(5, 48, 64)).shape
    torch.Size([5, 2, 256])
    """

    def __init__(self, channels: int):
        super().__init__()
        self.merge = normalised_convolution(2 * channels, channels, 1)
        self.upsample = Upsampling(channels, 2, 8, 4, padding=2)
        with torch.no_grad():
            self.upsample.weight.div_(self.upsample.weight.norm())
            self.upsample.bias.copy_(torch.tensor([1.0, 0.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[frames, 2 * channels, bins]`` to ``[frames, 2, 4 * bins]``."""
        return self.upsample(self.merge(x))


def fold_normalisations(model: nn.Module) -> None:
    """Merges every batch normalisation with the layer right before it.

    The output in eval mode stays the same, up to rounding.

    Arguments
    ---------
    model : torch.nn.Module
        In eval mode; changed in place. Normalisations that follow a linear
        layer or a convolution in a `Sequential` become identities.

    Example
    -------
    >>> model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3))
    >>> fold_normalisations(model.eval())
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Identity()
    )
    """
    for module in list(model.modules()):
        children = list(module.named_children())
        for (name, layer), (norm_name, norm) in zip(children, children[1:]):
            if isinstance(norm, nn.BatchNorm1d):
                fuse = nn.utils.fuse_conv_bn_eval
                if isinstance(layer, nn.Linear):
                    fuse = nn.utils.fuse_linear_bn_eval
                setattr(module, name, fuse(layer, norm))
                setattr(module, norm_name, nn.Identity())
