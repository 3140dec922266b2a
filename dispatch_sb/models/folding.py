"""Batch normalisation folded into the layers before it, for deployment.

Authors
 * The dispatch-sb contributors, 2026
"""

from torch import nn


def fold_normalisations(model: nn.Module) -> None:
    """Merges every batch normalisation with the layer right before it.

    The output in eval mode stays the same, up to rounding.

    Arguments
    ---------
    model : torch.nn.Module
        In eval mode; changed in place. Normalisations that follow a linear
        layer or a convolution in a `Sequential` become identities.

    Example
    -------
    >>> model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3))
    >>> fold_normalisations(model.eval())
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Identity()
    )
    """
    for module in list(model.modules()):
        children = list(module.named_children())
        for (name, layer), (norm_name, norm) in zip(children, children[1:]):
            if isinstance(norm, nn.BatchNorm1d):
                setattr(module, name, _fold(layer, norm))
                setattr(module, norm_name, nn.Identity())


def _fold(layer: nn.Module, norm: nn.BatchNorm1d) -> nn.Module:
    """One layer that does the work of two."""
    if isinstance(layer, nn.Linear):
        return nn.utils.fuse_linear_bn_eval(layer, norm)
    return nn.utils.fuse_conv_bn_eval(layer, norm)
