"""Losses are computed in float32, whatever precision the model runs in.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib

import torch


def without_autocast(signal: torch.Tensor) -> contextlib.AbstractContextManager:
    """A context in which operations keep the precision of their inputs.

    Arguments
    ---------
    signal : torch.Tensor
        Any tensor on the device in question.

    Returns
    -------
    contextlib.AbstractContextManager

    Example
    -------
    >>> signal = torch.ones(2, 2)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     with without_autocast(signal):
    ...         print((signal @ signal).dtype)
    torch.float32
    """
    kind = signal.device.type
    if not torch.amp.is_autocast_available(kind):
        return contextlib.nullcontext()
    return torch.autocast(kind, enabled=False)


def full_precision(*signals: torch.Tensor) -> list[torch.Tensor]:
    """Waveforms of one shape in float32, or as they are if float64.

    Arguments
    ---------
    *signals : torch.Tensor
        `[batch, samples]` each.

    Returns
    -------
    list of torch.Tensor

    Raises
    ------
    ValueError
        If they are not all `[batch, samples]` of one shape.

    Example
    -------
    >>> full_precision(torch.zeros(1, 600, dtype=torch.bfloat16))[0].dtype
    torch.float32
    """
    shapes = [tuple(signal.shape) for signal in signals]
    if len(shapes[0]) != 2 or len(set(shapes)) > 1:
        raise ValueError(
            "The signals must be [batch, samples], all of one shape, not "
            f"{', '.join(map(str, shapes))}."
        )
    return [
        signal if signal.dtype == torch.float64 else signal.float()
        for signal in signals
    ]
