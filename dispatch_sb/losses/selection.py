"""Which patches of the teacher are worth following: rules over the Knowledge
Gap Score, KGS = E(student, clean) - E(teacher, clean), which is positive where
the teacher is better.
Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Callable
from fractions import Fraction

import torch


def top_gap(
    gap: torch.Tensor, candidate: torch.Tensor, ratio: float
) -> torch.Tensor:
    """The candidates with the largest score of each utterance: the fraction
    `ratio` of them, rounded down, at least one, and all ties of the last one
    (arXiv 2509.15922, as published in code).

    Arguments
    ---------
    gap : torch.Tensor
        Scores, `[batch, rows, patches]`.
    candidate : torch.Tensor
        Patches that may be selected, bool, the same shape.
    ratio : float
        Fraction of the candidates to keep, in (0, 1]; read as the decimal
        that it is written as, so that 0.29 of 100 is 29.

    Returns
    -------
    torch.Tensor
        True for the selected patches, bool, the same shape.

    Example
    -------
    >>> gap = torch.tensor([[[3.0, -1.0, 2.0, 7.0]]])
    >>> top_gap(gap, gap > -9, ratio=0.5)
    tensor([[[ True, False, False,  True]]])
    """
    exact = Fraction(ratio).limit_denominator(1_000_000)
    count = candidate.flatten(1).sum(1, keepdim=True)
    quota = count * exact.numerator // exact.denominator
    ranked = gap.masked_fill(~candidate, -math.inf).flatten(1)
    ranked = ranked.sort(dim=1, descending=True).values
    last = ranked.gather(1, (quota - 1).clamp(min=0))
    return (gap >= last[:, :, None]) & candidate


class SelectionRule(torch.nn.Module):
    """What the rules share; subclasses give `_weights`, which does the work
    of `forward`, utterance by utterance, without waiting for the device."""

    @torch.no_grad()
    def forward(
        self, gap: torch.Tensor, candidate: torch.Tensor
    ) -> torch.Tensor:
        """How much every patch counts.

        Arguments
        ---------
        gap : torch.Tensor
            Knowledge Gap Scores, `[batch, rows, patches]`.
        candidate : torch.Tensor
            Patches that may be selected, bool, the same shape.

        Returns
        -------
        torch.Tensor
            Weights from 0 to 1, the same shape, without gradient; 0 for all
            that are no candidates.
        """
        return self._weights(gap, candidate).to(gap.dtype)


class TopGap(SelectionRule):
    """The published rule: the share `ratio` with the largest score, whatever
    its sign; see `top_gap`.

    Arguments
    ---------
    ratio : float or callable
        Fraction of the candidates to keep, in (0, 1]. Or a schedule, a
        monotonic function of the share of training done: it is kept as
        `schedule`, `ratio` is its last value, and whoever trains sets `ratio`
        in every step, as the distillation mixin does.

    Raises
    ------
    ValueError
        If `ratio` is outside (0, 1] at the beginning or at the end.

    Example
    -------
    >>> gap = torch.tensor([[[3.0, -1.0, -2.0, 7.0]]])
    >>> TopGap(0.75)(gap, gap > -9)
    tensor([[[1., 1., 0., 1.]]])
    """

    def __init__(self, ratio: float | Callable[[float], float] = 0.8):
        super().__init__()
        self.schedule = ratio if callable(ratio) else None
        if self.schedule is not None:
            _checked_ratio(self.schedule(0.0))
            ratio = self.schedule(1.0)
        self.ratio = _checked_ratio(ratio)

    def _weights(self, gap, candidate):
        return top_gap(gap, candidate, self.ratio)

    def extra_repr(self) -> str:
        """Shown by `print`."""
        return f"ratio={self.ratio}"


class PositiveGap(SelectionRule):
    """Every patch where the teacher is better than the student, KGS > 0: the
    words of the abstract of arXiv 2509.15922.

    Example
    -------
    >>> gap = torch.tensor([[[3.0, -1.0, 0.0, 7.0]]])
    >>> PositiveGap()(gap, gap > -9)
    tensor([[[1., 0., 0., 1.]]])
    """

    def _weights(self, gap, candidate):
        return (gap > 0) & candidate


class TopPositiveGap(TopGap):
    """What both `TopGap` and `PositiveGap` keep.

    Arguments
    ---------
    ratio : float or callable
        Fraction of the candidates that `TopGap` would keep, as there.

    Example
    -------
    >>> gap = torch.tensor([[[3.0, -1.0, -2.0, 7.0]]])
    >>> TopPositiveGap(0.75)(gap, gap > -9)
    tensor([[[1., 0., 0., 1.]]])
    """

    def _weights(self, gap, candidate):
        return super()._weights(gap, candidate) & (gap > 0)


class RandomShare(TopGap):
    """As many patches as `TopGap` would keep, drawn at random: what selecting
    less does by itself, whatever the teacher knows.

    The draws come from torch's generator of the device: under a seed they
    repeat.

    Arguments
    ---------
    ratio : float or callable
        As for `TopGap`.

    Example
    -------
    >>> gap = torch.rand(1, 10, 10)
    >>> RandomShare(0.8)(gap, gap >= 0).sum()
    tensor(80.)
    """

    def _weights(self, gap, candidate):
        # Float64, where equal draws do not happen.
        drawn = torch.rand(gap.shape, dtype=torch.float64, device=gap.device)
        return top_gap(drawn, candidate, self.ratio)


class SoftGap(SelectionRule):
    """Every patch, weighted by sigmoid(KGS / (temperature * spread)), where
    the spread is the root mean square of the utterance's scores: the weights
    do not depend on the level. Towards temperature 0 this is `PositiveGap`,
    towards infinity all patches weigh the same.

    Arguments
    ---------
    temperature : float
        Positive; smaller is more selective.

    Raises
    ------
    ValueError
        If `temperature` is not positive and finite.

    Example
    -------
    >>> gap = torch.tensor([[[1.0, 0.0, -1.0]]])
    >>> SoftGap()(gap, gap > -9)
    tensor([[[0.7729, 0.5000, 0.2271]]])
    """

    def __init__(self, temperature: float = 1.0):
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ValueError(
                f"temperature={temperature} of SoftGap must be a positive "
                "number; 1.0 is a good start."
            )
        self.temperature = temperature

    def _weights(self, gap, candidate):
        gap = gap * candidate
        count = candidate.flatten(1).sum(1).clamp(min=1)
        # Two steps: the square of a small score would underflow.
        largest = gap.flatten(1).abs().amax(1)
        gap = gap / (largest + (largest == 0))[:, None, None]
        spread = (gap.square().flatten(1).sum(1) / count).sqrt()
        spread = (spread + (spread == 0))[:, None, None]
        weight = torch.sigmoid(gap / (self.temperature * spread))
        return weight * candidate

    def extra_repr(self) -> str:
        """Shown by `print`."""
        return f"temperature={self.temperature}"


def _checked_ratio(ratio):
    """`ratio`, or ValueError if it is outside (0, 1]."""
    if not 0 < ratio <= 1:
        raise ValueError(
            f"ratio={ratio} must be above 0 and at most 1: the fraction of "
            "the patches to keep, such as 0.8."
        )
    return ratio
