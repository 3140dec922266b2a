"""A gated recurrent unit that trains on a CPU as fast as it runs.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn
from torch.nn import functional


class GRU(nn.GRU):
    """`torch.nn.GRU` of one layer, with the same weights and the same output.

    On a GPU, and where nothing is trained, it is torch's. In training on a
    CPU torch goes back through some forty operations a step; here they are
    three, the others are done for all steps at once.

    Arguments
    ---------
    channels : int
        Channels of the input.
    size : int
        Channels of the memory.

    Example
    -------
    >>> output, memory = GRU(20, 20)(torch.randn(10, 8, 20), torch.zeros(1, 8, 20))
    >>> output.shape, memory.shape
    (torch.Size([10, 8, 20]), torch.Size([1, 8, 20]))
    """

    def __init__(self, channels: int, size: int):
        super().__init__(channels, size)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All steps: ``[steps, batch, channels]`` and ``[1, batch, size]`` to
        ``[steps, batch, size]`` and ``[1, batch, size]``."""
        other = x.device.type != "cpu" or torch.is_autocast_enabled("cpu")
        if other or not torch.is_grad_enabled():
            return super().forward(x, memory)
        gates = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0)
        steps = _Recurrence.apply(
            gates, memory[0], self.weight_hh_l0, self.bias_hh_l0
        )
        return steps, steps[-1:]


class _Recurrence(torch.autograd.Function):
    """What the input gives to the gates (reset, update, new) of all steps,
    ``[steps, batch, 3 * size]``, and the first memory ``[batch, size]``, to
    the memory after every step, ``[steps, batch, size]``."""

    @staticmethod
    def forward(ctx, gates, memory, weight, bias):
        size = memory.shape[1]
        # Reset and update; the new memory; what reset lets through to it.
        switches = gates[..., : 2 * size] + bias[: 2 * size]
        new, old = gates.new_empty(2, len(gates), *memory.shape)
        memories = gates.new_empty(len(gates) + 1, *memory.shape)
        memories[0] = memory
        first, second = weight.split([2 * size, size])
        first, second, bias = first.t(), second.t(), bias[2 * size :]
        entries = gates[..., 2 * size :]
        reset, update = switches.split(size, dim=2)
        for before, after, both, r, z, n, o, entry in zip(
            memories, memories[1:], switches, reset, update, new, old, entries
        ):
            both.addmm_(before, first).sigmoid_()
            torch.addmm(bias, before, second, out=o)
            torch.addcmul(entry, r, o, out=n).tanh_()
            torch.lerp(n, before, z, out=after)
        ctx.save_for_backward(switches, new, old, memories, weight)
        return memories[1:].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        switches, new, old, memories, weight = ctx.saved_tensors
        before = memories[:-1]
        reset, update = switches.chunk(2, dim=2)
        # Slopes of a memory to the sums inside its gates.
        slopes = new.new_empty(*new.shape[:2], 3, new.shape[2])
        inner = (1 - update) * (1 - new * new)
        slopes[:, :, 0] = inner * old * reset * (1 - reset)
        slopes[:, :, 1] = (before - new) * update * (1 - update)
        slopes[:, :, 2] = inner * reset
        back, total = torch.empty_like(slopes), torch.empty_like(new)
        ahead = torch.zeros_like(new[0])
        steps = [*zip(grad, total, slopes, back, update)]
        for given, here, slope, gates, z in reversed(steps):
            torch.add(given, ahead, out=here)
            torch.mul(slope, here[:, None], out=gates)
            torch.mul(here, z, out=ahead).addmm_(gates.flatten(1), weight)
        gates = back.flatten(2)
        by_weight = gates.flatten(0, 1).t() @ before.flatten(0, 1)
        by_bias = gates.sum((0, 1))
        torch.mul(inner, total, out=back[:, :, 2])
        return gates, ahead, by_weight, by_bias
