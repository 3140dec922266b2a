"""A floor under suppression: how much of the noise stays.

Noise that is gone leaves gaps, and a little of it covers what a model gets
wrong. What the model took away comes back, quieter::

    output = enhanced + gain * (noisy - enhanced),  gain = 10 ** (keep / 20)

Where a model multiplies a bin of the spectrum by a mask ``m``, this multiplies
it by ``gain + (1 - gain) * m``. Its magnitude is at least ``gain`` wherever the
real part of ``m`` is not negative: no noise is lowered by more than ``-keep``
dB, and noise that the model removes completely is lowered by just so much. Of
speech that the model removes, the same share comes back.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import TypeVar

from torch import nn

Signal = TypeVar("Signal")  # a tensor or an array


class NoiseFloor:
    """Gives back a share of what a model took away.

    Arguments
    ---------
    keep : float or str, optional
        How much of the noise stays, in dB, 0 or less: ``-12``, ``"-12dB"``
        or ``"-12 dB"``. None and ``-inf``: nothing of it, no floor.

    Attributes
    ----------
    keep : float
        In dB; minus infinity without a floor.
    gain : float
        The same as a factor, from 0 to 1.

    Raises
    ------
    ValueError
        If it is no number, or above 0 dB.

    Example
    -------
    >>> floor = NoiseFloor("-20 dB")
    >>> floor.keep, floor(enhanced=1.0, noisy=2.0)
    (-20.0, 1.1)
    >>> NoiseFloor()(enhanced=1.0, noisy=2.0)
    1.0
    """

    def __init__(self, keep: float | str | None = None):
        text = "-inf" if keep is None else str(keep).strip().lower()
        try:
            level = float(text.removesuffix("db"))
        except ValueError:
            level = float("nan")
        if not level <= 0:  # nor NaN
            raise ValueError(
                f"{keep!r:.80} cannot be the share of the noise that stays "
                "(keep): give dB, 0 or less, such as -12dB."
            )
        self.keep = level
        self.gain = 10 ** (level / 20)

    def __call__(self, enhanced: Signal, noisy: Signal) -> Signal:
        """Mixes two signals, or numbers, that are aligned in time."""
        if not self.gain:
            return enhanced
        return enhanced + self.gain * (noisy - enhanced)


def floor_of(model: nn.Module, keep: float | str | None = None) -> NoiseFloor:
    """The floor that is asked for, else the one that comes with a model.

    Arguments
    ---------
    model : torch.nn.Module
        A folder or ONNX file that was written with a floor has one.
    keep : float or str, optional
        See `NoiseFloor`; ``-inf`` asks for none, whatever the model says.

    Returns
    -------
    NoiseFloor

    Example
    -------
    >>> floor_of(nn.Identity()).gain, floor_of(nn.Identity(), 0).gain
    (0.0, 1.0)
    """
    if keep is None:
        keep = getattr(model, "recommended_keep", None)
    return NoiseFloor(keep)
