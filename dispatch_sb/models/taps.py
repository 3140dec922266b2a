"""Taps: what happens inside a network, for losses on features.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch
from torch import nn


class Taps:
    """Keeps what modules inside a network give, in one layout.

    Our networks name theirs in ``model.taps``: name to the path of a module
    and the axes of its output. Of any other network a tap is the path of a
    module, such as ``encoder.2``, with the axes after an equals sign:
    ``enhance_model.layers.1=btc``.

    Arguments
    ---------
    model : torch.nn.Module
        Maps waveforms [batch, samples] to waveforms; a wrapper whose network
        is its ``model`` will do.
    names : sequence of str
        The taps that are wanted. Axes are b (batch), t (frames), f (bins),
        c (channels; may stand several times) and n (batch and frames as one).

    Raises
    ------
    ValueError
        If there is no such tap, or the axes are unknown or make no sense.

    Attributes
    ----------
    active : bool
        Whether the next forward passes are kept.

    Example
    -------
    >>> from dispatch_sb.models import DCCRN
    >>> model = DCCRN.from_size("small")
    >>> taps = Taps(model, ["encoder.1"])
    >>> _ = model(torch.randn(3, 4000))
    >>> {name: x.shape for name, x in taps.read().items()}
    {'encoder.1': torch.Size([3, 16, 45, 64])}
    """

    def __init__(self, model: nn.Module, names: Sequence[str]):
        self.batch = 0
        self.active = True
        self.found: dict[str, torch.Tensor] = {}
        inner = _inner(model)
        known = getattr(inner, "taps", {})
        for name in names:
            path, axes = known.get(name) or _foreign(name, inner, known)
            inner.get_submodule(path).register_forward_hook(
                self._keeper(name, axes)
            )
        inner.register_forward_pre_hook(self._count)

    def _count(self, _, inputs) -> None:
        """Notes the batch, which some modules see mixed with the frames."""
        self.batch = inputs[0].shape[0]

    def _keeper(self, name: str, axes: str):
        """A hook that keeps a module's output."""

        def keep(_, __, output):
            if not self.active:
                return
            try:
                self.found[name] = as_features(output, axes, self.batch)
            except ValueError as error:
                raise ValueError(f"The tap {name!r}: {error}") from error

        return keep

    def read(self) -> dict[str, torch.Tensor]:
        """The features of the last forward pass, each once.

        Returns
        -------
        dict
            Name to ``[batch, channels, frames, bins]``.
        """
        found, self.found = self.found, {}
        return found


def as_features(
    output: torch.Tensor | Sequence, axes: str, batch: int
) -> torch.Tensor:
    """A module's output as features.

    Arguments
    ---------
    output : torch.Tensor or sequence
        As the module gives it; of a sequence, its first.
    axes : str
        See `Taps`.
    batch : int
        Waveforms of the forward pass.

    Returns
    -------
    torch.Tensor
        ``[batch, channels, frames, bins]``.

    Raises
    ------
    ValueError
        If the output has another number of axes.

    Example
    -------
    >>> as_features(torch.zeros(6, 8, 16), "ncf", batch=2).shape
    torch.Size([2, 8, 3, 16])
    """
    if not isinstance(output, torch.Tensor):
        output = output[0]
    if output.dim() != len(axes):
        raise ValueError(
            f"The axes {axes} are {len(axes)}, the output has the shape "
            f"{tuple(output.shape)}."
        )
    if "n" in axes:
        output = output.unflatten(axes.index("n"), (batch, -1))
        axes = axes.replace("n", "bt")
    if "f" not in axes:
        output, axes = output.unsqueeze(-1), axes + "f"
    if "c" not in axes:
        output, axes = output.unsqueeze(-1), axes + "c"
    channels = [place for place, axis in enumerate(axes) if axis == "c"]
    order = [axes.index("b"), *channels, axes.index("t"), axes.index("f")]
    return output.permute(order).flatten(1, len(channels))


def _inner(model: nn.Module) -> nn.Module:
    """The network inside its wrappers."""
    while not hasattr(model, "taps") and isinstance(
        getattr(model, "model", None), nn.Module
    ):
        model = model.model
    return model


def _foreign(name: str, inner: nn.Module, known) -> tuple[str, str]:
    """Path and axes of a tap that the network does not name."""
    path, _, axes = name.partition("=")
    modules = dict(inner.named_modules())
    if path not in modules or not path:
        choice = ", ".join(known or list(modules)[1:])
        choice = choice or "none, as torch does not see what it runs"
        raise ValueError(
            f"{type(inner).__name__} has no tap {name!r}: it has {choice}."
        )
    if sorted(set(axes) - {"c", "f"}) not in (["b", "t"], ["n"]):
        raise ValueError(
            f"The tap {name!r} of {type(inner).__name__} needs the axes of its "
            "output, such as btc (batch, frames, channels): write "
            f"{path}=btc."
        )
    return path, axes
