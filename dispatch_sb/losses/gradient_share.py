"""How much of the student's gradient a second loss may have: a number that
means the same for every loss, which a weight does not.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from dispatch_sb.losses.all_processes import gathered
from dispatch_sb.losses.precision import without_autocast

_norms: ContextVar[tuple | None] = ContextVar("norms", default=None)


def at_gradient_share(
    loss: torch.Tensor,
    supervised: torch.Tensor,
    enhanced: torch.Tensor,
    share: float,
    total: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights a loss so that its gradient has a given share beside another's.

    With g_s and g_d the gradients of the supervised and of the other loss at
    the student's output, and their norms over the whole batch, the weight is
    share / (1 - share) * |g_s| / |g_d|; it is 0 where that is no number, so
    that nothing is copied. Processes that train together have one batch, and
    one weight: all of them call this at once. Only the losses are
    differentiated here: the student is passed backwards once, later, by the
    sum of both. There are no running averages, and nothing waits for the
    device.

    Arguments
    ---------
    loss : torch.Tensor
        Scalar, computed from `enhanced`.
    supervised : torch.Tensor
        Scalar, computed from `enhanced`, to which the result is added.
    enhanced : torch.Tensor
        The student's output, `[batch, samples]`.
    share : float
        In [0, 1): |weight * g_d| / (|g_s| + |weight * g_d|).
    total : bool
        Whether the supervised loss shall be in the result already: nobody
        then goes back through it a second time.

    Returns
    -------
    torch.Tensor
        Scalar of the value weight * loss and the gradient weight * g_d; with
        ``total`` those of the supervised loss are added.
    torch.Tensor
        The weight, scalar, without gradient.

    Raises
    ------
    ValueError
        If one of the losses was not computed from `enhanced`.

    Example
    -------
    >>> enhanced = torch.tensor([[3.0, 4.0]], requires_grad=True)
    >>> supervised, loss = enhanced.sum(), enhanced.square().sum()
    >>> value, weight = at_gradient_share(loss, supervised, enhanced, 0.5)
    >>> (g_d,) = torch.autograd.grad(value, enhanced)
    >>> torch.allclose(g_d.norm(), torch.ones(1, 2).norm())
    True
    >>> torch.equal(value, weight * loss)
    True
    """
    g_s = _gradient(supervised, enhanced, "supervised")
    g_d = _gradient(loss, enhanced, "distillation")
    with without_autocast(enhanced):
        norms = _of_whole_batch(torch.stack([g_s.norm(), g_d.norm()]), g_s)
        norm, size = torch.linalg.vector_norm(norms, dim=0)
        weight = share / (1 - share) * norm / size
        usable = weight.isfinite() & size.isfinite()
        zero = torch.zeros_like(weight)
        weight = torch.where(usable, weight, zero)
        gradient = torch.where(usable, weight * g_d, zero)
        value = weight * torch.where(usable, loss.detach(), zero)
        if total:
            gradient, value = gradient + g_s, value + supervised.detach()
        pull = (enhanced * gradient).sum()
        # The pull brings its gradient and takes its value away.
        return value + (pull - pull.detach()), weight


@contextmanager
def norms_of_batch(known: Sequence[torch.Tensor] | None = None) -> Iterator:
    """A context for a batch that comes in parts, of one process: its parts
    pass once within ``norms_of_batch()``, which notes their norms, and then
    within ``norms_of_batch(norms)``, where all have the weight of the batch.

    Arguments
    ---------
    known : sequence of torch.Tensor, optional
        What the first pass noted; an empty one changes nothing.

    Yields
    ------
    list
        The norms, each times the utterances of its part.

    Example
    -------
    >>> parts = torch.ones(2, 1, 4, requires_grad=True).unbind()
    >>> def loss(part):
    ...     return part.sum(), part.square().sum(), part, 0.5
    >>> with norms_of_batch() as norms:
    ...     _ = [at_gradient_share(*loss(part)) for part in parts]
    >>> with norms_of_batch(norms):
    ...     [float(at_gradient_share(*loss(part))[1]) for part in parts]
    [2.0, 2.0]
    """
    noted: list = []
    token = _norms.set(([], known) if known else (noted, None))
    try:
        yield noted
    finally:
        _norms.reset(token)


def _of_whole_batch(own, rows):
    """Norms of all parts, or processes, that make a batch, `[parts, 2]`."""
    context = _norms.get()
    if context is None:
        return gathered(own[None])
    noted, known = context
    # A loss is a mean: of a small part it weighs less.
    noted.append(len(rows) * own)
    return own[None] if known is None else torch.stack([*known])


def _gradient(loss, enhanced, name):
    """Gradient at the student's output, in float32 at least."""
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(
            loss, enhanced, retain_graph=True, allow_unused=True
        )
    if gradient is None:
        raise ValueError(
            f"The {name} loss was not computed from the enhanced waveforms: "
            "a share of the gradient needs both losses to be functions of the "
            "same tensor; use distillation_weight instead."
        )
    full = torch.promote_types(gradient.dtype, torch.float32)
    return gradient.to(full)
