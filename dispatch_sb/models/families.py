"""The networks by name and size, for recipes and command lines.

Authors
 * The dispatch-sb contributors, 2026
"""

from functools import partial

from torch import nn

from dispatch_sb.models.conv_tasnet import ConvTasNet
from dispatch_sb.models.dccrn import DCCRN
from dispatch_sb.models.fast_enhancer import FastEnhancer

# By the name in recipes: the name in tables, what builds a size, the sizes.
FAMILIES = {
    "fastenhancer": (
        "FastEnhancer",
        FastEnhancer.from_size,
        FastEnhancer.SIZES,
    ),
    "dccrn": ("DCCRN", DCCRN.from_size, DCCRN.SIZES),
    "convtasnet": ("ConvTasNet", ConvTasNet.from_size, ConvTasNet.SIZES),
    "convtasnet_causal": (
        "causal ConvTasNet",
        partial(ConvTasNet.from_size, causal=True),
        ConvTasNet.SIZES,
    ),
}
SIZES = tuple(
    dict.fromkeys(size for *_, sizes in FAMILIES.values() for size in sizes)
)


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
    _, build, _ = FAMILIES[family]
    return build(size)
