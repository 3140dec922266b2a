"""What a training step changes, kept until the step is known to be good.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class StepState:
    """Copies of weights, buffers, and the optimizer's state, made before each
    step on their own device, with nothing waiting for it.

    A step's loss is read when the optimizer has stepped already: if it is no
    number, or memory ran out half-way, what was before is put back.

    Arguments
    ---------
    modules : iterable of torch.nn.Module
        What is trained.
    optimizer : torch.optim.Optimizer
        What trains it.
    device : str or torch.device
        Of the modules; its random numbers are put back, too.

    Example
    -------
    >>> net = nn.Linear(1, 1)
    >>> optimizer = torch.optim.AdamW(net.parameters())
    >>> state = StepState([net], optimizer)
    >>> state.keep()
    >>> before = net.bias.item()
    >>> net(torch.ones(1, 1)).sum().backward()
    >>> optimizer.step()
    >>> state.restore()
    >>> net.bias.item() == before, len(optimizer.state)
    (True, 0)
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        optimizer: torch.optim.Optimizer,
        device: str | torch.device = "cpu",
    ):
        self.optimizer, self.device = optimizer, device
        modules = list(modules)
        self._weights = [x for m in modules for x in m.parameters()]
        self._buffers = [x for m in modules for x in m.buffers()]
        self._known: list | None = None

    @torch.no_grad()
    def keep(self) -> None:
        """Copies the state, before a step."""
        state = self.optimizer.state
        if self._known is None or len(self._known) != len(state):
            self._arrange()
        for live, kept in self._pairs:
            torch._foreach_copy_(kept, live)
        # Of batches before this one, if several make a step.
        self._gradients = [
            (x, x.grad.clone()) for x in self._weights if x.grad is not None
        ]
        self.random = random_state(self.device)

    def _arrange(self):
        """Pairs of what there is and room for it, by device and type."""
        state = self.optimizer.state
        self._known = list(state)
        groups: dict[Any, list] = {}
        values = [x for held in state.values() for x in held.values()]
        tensors = [x for x in values if isinstance(x, torch.Tensor)]
        for x in (*self._weights, *self._buffers, *tensors):
            groups.setdefault((x.device, x.dtype), []).append(x.detach())
        self._pairs = [
            (live, [torch.empty_like(x) for x in live])
            for live in groups.values()
        ]

    @torch.no_grad()
    def restore(self) -> None:
        """Puts the state back as it was kept; gradients are those of before
        the step, too."""
        for live, kept in self._pairs:
            torch._foreach_copy_(live, kept)
        for weight in set(self.optimizer.state) - set(self._known):
            del self.optimizer.state[weight]
        for weight in self._weights:
            weight.grad = None
        for weight, gradient in self._gradients:
            weight.grad = gradient.clone()
        set_random_state(self.random, self.device)


def random_state(device: str | torch.device) -> dict[str, torch.Tensor]:
    """The state of torch's random numbers.

    Arguments
    ---------
    device : str or torch.device
        A GPU has its own, besides the host's.

    Returns
    -------
    dict
        By the type of the device.

    Example
    -------
    >>> list(random_state("cpu"))
    ['cpu']
    """
    states = {"cpu": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict, device: str | torch.device) -> None:
    """Sets what `random_state` returned.

    Arguments
    ---------
    states : dict
        By the type of the device; those of other devices are left out.
    device : str or torch.device
        Where training takes place.

    Example
    -------
    >>> states = random_state("cpu")
    >>> first = torch.rand(1)
    >>> set_random_state(states, "cpu")
    >>> bool(torch.rand(1) == first)
    True
    """
    torch.set_rng_state(states["cpu"])
    if torch.device(device).type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
