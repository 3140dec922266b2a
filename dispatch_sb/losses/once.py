"""Losses of one step look at the same signals: what several of them need is
computed once.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_results: ContextVar[dict | None] = ContextVar("results", default=None)


@contextmanager
def shared_work() -> Iterator[None]:
    """A context in which the spectra of a waveform, and what else losses have
    in common, are computed once; they are forgotten when it ends.

    Returns
    -------
    contextlib.AbstractContextManager

    Example
    -------
    >>> from dispatch_sb.losses.spectra import to_spectrum
    >>> signal = torch.rand(2, 1600)
    >>> with shared_work():
    ...     to_spectrum(signal) is to_spectrum(signal)
    True
    >>> to_spectrum(signal) is to_spectrum(signal)
    False
    """
    token = _results.set({})
    try:
        yield
    finally:
        _results.reset(token)


def once(function: Callable) -> Callable:
    """Decorates what is computed once within `shared_work`: for the same
    tensors, unchanged since, and equal other arguments.

    Arguments
    ---------
    function : callable
        Its arguments are tensors and hashable values.

    Returns
    -------
    callable
        Called in the same way.
    """

    @functools.wraps(function)
    def shared(*args, **kwargs):
        results = _results.get()
        if results is None:
            return function(*args, **kwargs)
        given = (*args, *sorted(kwargs.items()))
        key = (function, *map(_identity, given))
        if key not in results:
            # Arguments are kept too: while they live, nothing has their id.
            results[key] = given, function(*args, **kwargs)
        return results[key][1]

    return shared


def _identity(argument):
    """What tells an argument from others."""
    if isinstance(argument, torch.Tensor):
        tracked = argument.requires_grad and torch.is_grad_enabled()
        return id(argument), argument._version, tracked
    return argument
