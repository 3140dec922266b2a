"""One hop of FastEnhancer, see `dispatch_sb.models.step`.

Everything that a runtime elsewhere would stumble over is worked out
beforehand: complex numbers, normalisations, and products of weights.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import torch
from torch import nn

from dispatch_sb.models.layers import COMPRESSION, RecurrentAttentionBlock
from dispatch_sb.models.step import FourierStep


class StreamingStep(FourierStep):
    """FastEnhancer's step, see `FourierStep`.

    Arguments
    ---------
    model : FastEnhancer
        Trained; it is copied, and its normalisations are folded.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> model = FastEnhancer.from_size("T").eval()
    >>> step = StreamingStep(model)
    >>> {name: tuple(x.shape) for name, x in step.initial_state().items()}
    {'history': (1, 256), 'tail': (1, 256), 'memory': (32, 20)}
    >>> noisy, hops = torch.randn(1, 1024), []
    >>> state = step.initial_state().values()
    >>> for hop in noisy.split(step.hop, dim=1):
    ...     enhanced, *state = step(hop, *state)
    ...     hops.append(enhanced)
    >>> late = torch.cat(hops, dim=1)[:, step.latency - step.hop :]
    >>> torch.allclose(late, model(noisy)[:, :768], atol=1e-5)
    True
    """

    def __init__(self, model: nn.Module):
        super().__init__(model)
        fused = self.network
        self.enter = _as_linear(fused.enter[0])
        self.leave = _as_linear(fused.leave[0])
        self.blocks = nn.ModuleList(map(BlockStep, fused.blocks))
        self.eval()

    def initial_memory(self) -> torch.Tensor:
        """Of the recurrent networks, zeros ``[blocks * bands, channels]``."""
        return super().initial_memory().flatten(0, 2)

    def enhance(
        self, spectrum: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks one spectrum, as `FastEnhancer.enhance_spectrum` does.

        Arguments
        ---------
        spectrum : torch.Tensor
            Real and imaginary part ``[1, 2, bins]``.
        memory : torch.Tensor
            See `initial_memory`.

        Returns
        -------
        tuple of torch.Tensor
            Enhanced spectrum ``[1, 2, bins]``, and the next memory.
        """
        size = _magnitude(spectrum).clamp(min=1e-5)
        x = spectrum * size.pow(COMPRESSION - 1)
        mask, memory = self.estimate_mask(x, memory)
        x = self.times(mask, x)
        return x * _magnitude(x).pow(1 / COMPRESSION - 1), memory

    def estimate_mask(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the network on one frame.

        Arguments
        ---------
        x : torch.Tensor
            Compressed spectrum ``[1, 2, bins]``.
        memory : torch.Tensor
            See `initial_memory`.

        Returns
        -------
        tuple of torch.Tensor
            Mask ``[1, 2, bins]``, and the next memory.
        """
        network, skips = self.network, []
        for layer in network.encoder:
            x = layer(x)
            skips.append(x)
        x = (x.squeeze(0) @ network.reduce).T  # [bands, channels]
        x, states = self.enter(x), []
        for block, state in zip(self.blocks, memory.split(len(x))):
            x, state = block(x, state)
            states.append(state)
        x = (self.leave(x).T @ network.expand)[None]
        for layer in network.decoder:
            x = layer(torch.cat([x, skips.pop()], dim=1))
        mask = network.head(torch.cat([x, skips.pop()], dim=1))
        return mask, torch.cat(states)


class BlockStep(nn.Module):
    """A recurrent-attention block on one frame.

    The recurrent network's products with input and memory become one. In
    attention, ``query @ key.T`` of a head is ``x @ similarity @ x.T``, and the
    projection after attention is multiplied with that to the values; both
    products of weights are done here, once.

    Arguments
    ---------
    block : RecurrentAttentionBlock
        With its normalisations folded.

    Example
    -------
    >>> from dispatch_sb.models.layers import fold_normalisations
    >>> block = RecurrentAttentionBlock(20, heads=4).eval()
    >>> fold_normalisations(block)
    >>> x, memory = torch.randn(2, 16, 20)
    >>> expected, _ = block(x[None, None], memory[None])
    >>> output, _ = BlockStep(block)(x, memory)
    >>> torch.allclose(output, expected[0, 0], atol=1e-5)
    True
    """

    def __init__(self, block: RecurrentAttentionBlock):
        super().__init__()
        self.channels = block.recurrent.input_size
        self.heads = block.attention.heads
        self.gates = _gates(block.recurrent)
        after = block.after_recurrent[0]
        position = 0 if block.position is None else block.position.detach()
        self.register_buffer("after", after.weight.detach().T.contiguous())
        self.register_buffer("after_bias", after.bias.detach() + position)
        similarity, values = _attention(block)
        self.register_buffer("similarity", similarity)
        self.register_buffer("values", values)
        self.register_buffer("bias", block.after_attention[0].bias.detach())

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs one frame.

        Arguments
        ---------
        x, memory : torch.Tensor
            Both ``[bands, channels]``.

        Returns
        -------
        tuple of torch.Tensor
            Output and next memory, of the same shape.
        """
        gates = self.gates(torch.cat([x, memory], dim=1))
        sizes = [2 * self.channels, self.channels, self.channels]
        switches, new, old = gates.split(sizes, dim=1)
        reset, update = switches.sigmoid().split(self.channels, dim=1)
        new = (new + reset * old).tanh()
        memory = new + update * (memory - new)
        x = x + torch.addmm(self.after_bias, memory, self.after)
        bands = x.shape[0]
        queries = (x @ self.similarity).view(bands * self.heads, self.channels)
        weights = (queries @ x.T).softmax(dim=1).view(bands, -1)
        values = (x @ self.values).view(self.heads * bands, self.channels)
        return x + torch.addmm(self.bias, weights, values), memory


def _magnitude(spectrum: torch.Tensor) -> torch.Tensor:
    """Of ``[1, 2, bins]``, real and imaginary part; one operation in ONNX."""
    return torch.linalg.vector_norm(spectrum, dim=1, keepdim=True)


def _as_linear(convolution: nn.Conv1d) -> nn.Linear:
    """A convolution of kernel 1 as a layer for ``[positions, channels]``."""
    linear = nn.Linear(convolution.in_channels, convolution.out_channels)
    linear.weight = nn.Parameter(convolution.weight[:, :, 0], False)
    linear.bias = nn.Parameter(convolution.bias.detach(), False)
    return linear


def _gates(recurrent: nn.GRU) -> nn.Linear:
    """From input and memory, side by side, to both gates and both addends of
    the new memory: what GRU's two linear layers give."""
    size = recurrent.input_size
    entry, entry_bias = recurrent.weight_ih_l0, recurrent.bias_ih_l0
    again, again_bias = recurrent.weight_hh_l0, recurrent.bias_hh_l0
    zeros = torch.zeros(size, size)
    rows = [
        torch.cat([entry[: 2 * size], again[: 2 * size]], dim=1),
        torch.cat([entry[2 * size :], zeros], dim=1),
        torch.cat([zeros, again[2 * size :]], dim=1),
    ]
    bias = entry_bias[: 2 * size] + again_bias[: 2 * size]
    biases = [bias, entry_bias[2 * size :], again_bias[2 * size :]]
    gates = nn.Linear(2 * size, 4 * size)
    gates.weight = nn.Parameter(torch.cat(rows), False)
    gates.bias = nn.Parameter(torch.cat(biases), False)
    return gates


def _attention(
    block: RecurrentAttentionBlock,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Products of the weights of attention and of the layer after it:
    ``[channels, heads * channels]`` and ``[heads, channels, channels]``."""
    channels, heads = block.recurrent.input_size, block.attention.heads
    project = block.attention.project.weight.double()
    query, key, value = project.view(3, heads, -1, channels)
    scale = math.sqrt(channels // heads)
    similarity = torch.einsum("hdi,hdj->ihj", query, key) / scale
    after = block.after_attention[0].weight.double().view(channels, heads, -1)
    values = torch.einsum("hdi,chd->hic", value, after)
    return similarity.flatten(1).float(), values.float().contiguous()
