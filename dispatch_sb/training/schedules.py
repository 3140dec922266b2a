"""Learning rates, weights, shares and ratios that depend on nothing but the
progress of training: a resumed run gets those of an uninterrupted one.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

from torch.optim import Optimizer


class WarmupCosine:
    """Linear warm-up, then half a cosine down to a small share.

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


class Linear:
    """A straight line from one value to another, which then stays.

    Arguments
    ---------
    start : float
        Value when training begins.
    end : float
        Value from ``over`` on.
    over : float
        Share of the training that the change takes, in (0, 1].

    Raises
    ------
    ValueError
        If ``over`` is out of range.

    Example
    -------
    >>> schedule = Linear(start=0.0, end=0.3, over=0.1)
    >>> [round(schedule(p), 3) for p in (0.0, 0.05, 0.1, 1.0)]
    [0.0, 0.15, 0.3, 0.3]
    """

    def __init__(self, start: float, end: float, over: float = 1.0):
        if not 0 < over <= 1:
            raise ValueError(
                f"over={over} of a schedule must be above 0 and at most 1: the "
                "share of the training that the change takes."
            )
        self.start = start
        self.end = end
        self.over = over

    def __call__(self, progress: float) -> float:
        """The value at ``progress``, the share of training done."""
        part = self._part(min(max(progress / self.over, 0.0), 1.0))
        return (1 - part) * self.start + part * self.end

    def _part(self, done: float) -> float:
        """How much of the change is made when a share of its time is gone."""
        return done


class Cosine(Linear):
    """Half a cosine from one value to another, which then stays: slow at both
    ends.

    Arguments
    ---------
    start : float
        Value when training begins.
    end : float
        Value from ``over`` on.
    over : float
        Share of the training that the change takes, in (0, 1].

    Example
    -------
    >>> schedule = Cosine(start=1.0, end=0.0)
    >>> [round(schedule(p), 3) for p in (0.0, 0.25, 0.5, 1.0)]
    [1.0, 0.854, 0.5, 0.0]
    """

    def _part(self, done: float) -> float:
        return 0.5 * (1 - math.cos(math.pi * done))


class Switch:
    """One value, and from a point of the training on another.

    Arguments
    ---------
    before, after : float
        The values.
    at : float
        The share of the training that ``before`` holds for, in (0, 1).

    Raises
    ------
    ValueError
        If ``at`` is out of range.

    Example
    -------
    >>> schedule = Switch(before=0.0, after=1.0, at=0.3)
    >>> schedule(0.29), schedule(0.3)
    (0.0, 1.0)
    """

    def __init__(self, before: float, after: float, at: float):
        if not 0 < at < 1:
            raise ValueError(f"at must be between 0 and 1, got {at}.")
        self.before, self.after, self.at = before, after, at

    def __call__(self, progress: float) -> float:
        """The value at ``progress``, the share of training done."""
        return self.before if progress < self.at else self.after
