"""A gated recurrent unit that trains on a CPU as fast as it runs.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn

aten = torch.ops.aten


def trained_on_cpu(module: nn.Module, x: torch.Tensor) -> bool:
    """Whether our own backward is quicker than torch's: in training on a CPU,
    without autocast.

    Arguments
    ---------
    module : torch.nn.Module
        The layer.
    x : torch.Tensor
        Its input.

    Returns
    -------
    bool

    Example
    -------
    >>> trained_on_cpu(nn.Linear(1, 1).eval(), torch.ones(1))
    False
    """
    other = x.device.type != "cpu" or torch.is_autocast_enabled("cpu")
    return module.training and torch.is_grad_enabled() and not other


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
    >>> output, memory = GRU(20, 20)(
    ...     torch.randn(10, 8, 20), torch.zeros(1, 8, 20)
    ... )
    >>> output.shape, memory.shape
    (torch.Size([10, 8, 20]), torch.Size([1, 8, 20]))
    """

    def __init__(self, channels: int, size: int):
        super().__init__(channels, size)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs all steps.

        Arguments
        ---------
        x : torch.Tensor
            ``[steps, batch, channels]``.
        memory : torch.Tensor
            ``[1, batch, size]``, from before the first step.

        Returns
        -------
        torch.Tensor
            The memory after every step, ``[steps, batch, size]``.
        torch.Tensor
            The memory after the last step, ``[1, batch, size]``.
        """
        if not trained_on_cpu(self, x):
            return super().forward(x, memory)
        steps = _Recurrence.apply(x, memory[0], *self.all_weights[0])
        return steps, steps[-1:]


class _Recurrence(torch.autograd.Function):
    """Input ``[steps, batch, channels]``, first memory ``[batch, size]`` and
    the weights to the memory after every step, ``[steps, batch, size]``.

    Inside, the batch is the last axis: every gate is adjacent in memory.
    """

    @staticmethod
    def forward(ctx, x, memory, weight_ih, weight_hh, bias_ih, bias_hh):
        size, steps = memory.shape[1], len(x)
        gates = torch.baddbmm(
            bias_ih[:, None], weight_ih.expand(steps, -1, -1), x.mT
        )
        # Reset and update; the new memory; what reset lets through to it.
        switches, new = gates.split([2 * size, size], dim=1)
        switches += bias_hh[: 2 * size, None]
        old = bias_hh[2 * size :, None].repeat(steps, 1, len(memory))
        memories = x.new_empty(steps + 1, *memory.mT.shape)
        memories[0] = memory.mT
        first, second = weight_hh.split([2 * size, size])
        parts = switches, *switches.split(size, dim=1), new, old
        for before, after, both, reset, update, n, o in zip(
            memories, memories[1:], *parts
        ):
            both.addmm_(first, before).sigmoid_()
            o.addmm_(second, before)
            n.addcmul_(reset, o).tanh_()
            torch.lerp(n, before, update, out=after)
        ctx.save_for_backward(x, gates, old, memories, weight_ih, weight_hh)
        return memories[1:].mT.contiguous()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, gates, old, memories, weight_ih, weight_hh = ctx.saved_tensors
        before, steps = memories[:-1], len(x)
        reset, update, new = gates.chunk(3, dim=1)
        # Slopes of a memory to the sums inside its gates.
        slopes = gates.new_empty(steps, 3, *memories.shape[1:])
        inner = aten.tanh_backward(1 - update, new)
        by_reset, by_update = inner * old, before - new
        aten.sigmoid_backward.grad_input(
            by_reset, reset, grad_input=slopes[:, 0]
        )
        aten.sigmoid_backward.grad_input(
            by_update, update, grad_input=slopes[:, 1]
        )
        torch.mul(inner, reset, out=slopes[:, 2])
        back, total = torch.empty_like(slopes), torch.empty_like(before)
        ahead, again = torch.zeros_like(memories[0]), weight_hh.t()
        loop = [*zip(grad.mT.contiguous(), total, slopes, back, update)]
        for given, here, slope, gate, z in reversed(loop):
            torch.add(given, ahead, out=here)
            torch.mul(slope, here, out=gate)
            torch.mul(here, z, out=ahead).addmm_(again, gate.flatten(0, 1))
        gate = back.flatten(1, 2)
        by_weight_hh = torch.bmm(gate, before.mT).sum(0)
        by_bias_hh = gate.sum((0, 2))
        torch.mul(inner, total, out=back[:, 2])
        by_weight_ih = torch.bmm(gate, x).sum(0)
        by_x = torch.bmm(gate.mT, weight_ih.expand(steps, -1, -1))
        by_bias_ih = gate.sum((0, 2))
        by_weights = by_weight_ih, by_weight_hh, by_bias_ih, by_bias_hh
        return by_x, ahead.mT, *by_weights
