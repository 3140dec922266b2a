"""The networks by name and size, for recipes and command lines.

Authors
 * The dispatch-sb contributors, 2026
"""

from functools import partial

from torch import nn

from dispatch_sb.models import dccrn, fast_enhancer
from dispatch_sb.models.conv_tasnet import ConvTasNet
from dispatch_sb.models.dccrn import DCCRN
from dispatch_sb.models.fast_enhancer import FastEnhancer

FAMILIES = {
    "fastenhancer": FastEnhancer.from_size,
    "dccrn": DCCRN.from_size,
    "convtasnet": ConvTasNet.from_size,
    "convtasnet_causal": partial(ConvTasNet.from_size, causal=True),
}

SIZES = (*fast_enhancer.SIZES, *dccrn.SIZES)
# The rows of `dispatch-sb profile`: name to family and size.
ROWS = {
    f"{name}-{size}": (family, size)
    for name, family, sizes in (
        ("FastEnhancer", "fastenhancer", fast_enhancer.SIZES),
        ("DCCRN", "dccrn", dccrn.SIZES),
        ("ConvTasNet", "convtasnet", dccrn.SIZES),
        ("causal ConvTasNet", "convtasnet_causal", dccrn.SIZES),
    )
    for size in sizes
}


def build_model(family: str, size: str) -> nn.Module:
    """Builds a network with random weights.

    Arguments
    ---------
    family : str
        ``"fastenhancer"``, ``"dccrn"``, ``"convtasnet"`` or
        ``"convtasnet_causal"``.
    size : str
        One of the family's: ``T``, ``B``, ``S``, ``M`` and ``L``, or
        ``small``, ``medium`` and ``published``.

    Returns
    -------
    torch.nn.Module
        Noisy waveforms [batch, samples] in, enhanced ones out.

    Raises
    ------
    ValueError
        If there is no such family or size.

    Example
    -------
    >>> type(build_model("dccrn", "small")).__name__
    'DCCRN'
    """
    if family not in FAMILIES:
        raise ValueError(
            f"There is no model {family!r}: choose {', '.join(FAMILIES)}."
        )
    return FAMILIES[family](size)
