"""Learning rates that depend on nothing but the progress of training.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

from torch.optim import Optimizer


class WarmupCosine:
    """Linear warm-up, then half a cosine down to a small share.

    It has no state: a resumed run gets the rate of an uninterrupted one.

    Arguments
    ---------
    lr : float
        The highest learning rate.
    warmup : float
        Share of the training that the warm-up takes, in [0, 1).
    final : float
        Share of ``lr`` at the end.

    Raises
    ------
    ValueError
        If ``lr`` is not positive or a share is out of range.

    Example
    -------
    >>> schedule = WarmupCosine(lr=1.0, warmup=0.1, final=0.0)
    >>> [round(schedule(p), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """

    def __init__(self, lr: float, warmup: float = 0.05, final: float = 0.01):
        if lr <= 0:
            raise ValueError(f"lr must be positive, got {lr}.")
        if not (0 <= warmup < 1 and 0 <= final <= 1):
            raise ValueError(
                "warmup must lie in [0, 1) and final in [0, 1]; got "
                f"warmup={warmup}, final={final}."
            )
        self.lr = lr
        self.warmup = warmup
        self.final = final

    def __call__(self, progress: float) -> float:
        """The learning rate at ``progress``, the share of training done."""
        if progress < self.warmup:
            return self.lr * progress / self.warmup
        done = min((progress - self.warmup) / (1 - self.warmup), 1.0)
        share = 0.5 * (1 + math.cos(math.pi * done))
        return self.lr * (self.final + (1 - self.final) * share)

    def apply(self, optimizer: Optimizer, progress: float) -> float:
        """Sets the rate of every parameter group.

        Arguments
        ---------
        optimizer : torch.optim.Optimizer
            Changed in place.
        progress : float
            Share of training done, in [0, 1].

        Returns
        -------
        float
            The rate that was set.
        """
        rate = self(progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate
