"""The table that `dispatch-sb profile` prints.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

from dispatch_sb.models.costs import Profile

# Parameters and MACs per second as published: arXiv 2509.21867.
PUBLISHED = {
    "FastEnhancer-T": ("22 K", "60 M"),
    "FastEnhancer-B": ("91 K", "262 M"),
    "FastEnhancer-S": ("194 K", "664 M"),
    "FastEnhancer-M": ("492 K", "2.9 G"),
    "FastEnhancer-L": ("1.105 M", "12 G"),
}
HEAD = (
    "model",
    "parameters",
    "(published)",
    "MACs/s by torch",
    "by ptflops",
    "difference",
    "(published)",
    "real-time factor",
    "latency",
)
NOTES = """
Parameters and MACs as deployed: normalisations folded into their layers,
Fourier transforms not counted. ptflops leaves out attention and the operator
`@`, and adds biases and activations. Real-time factor: whole utterance, one
CPU thread, median of the runs. Latency: what the algorithm waits for."""


def amount(value: float) -> str:
    """Writes a count with three digits and a unit.

    Arguments
    ---------
    value : float
        The count.

    Returns
    -------
    str
        With K, M or G for thousands, millions or billions.

    Example
    -------
    >>> amount(59361280), amount(2.9098e9), amount(512)
    ('59.4 M', '2.91 G', '512')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= 0.9995 * size:  # what would round up to 1000
            return f"{value / size:#.3g}".rstrip(".") + f" {unit}"
    return f"{value:.0f}"


def _row(profile: Profile) -> tuple[str, ...]:
    """One line of the table, cell by cell."""
    parameters, macs = PUBLISHED.get(profile.name, ("", ""))
    difference = profile.macs_ptflops / max(profile.macs_torch, 1) - 1
    return (
        profile.name,
        f"{profile.parameters:,}",
        parameters,
        amount(profile.macs_torch),
        amount(profile.macs_ptflops),
        f"{100 * difference:+.1f} %",
        macs,
        f"{profile.real_time_factor:.4f}",
        f"{profile.latency_ms:.0f} ms",
    )


def format_profiles(profiles: Sequence[Profile]) -> str:
    """Lays profiles out as a table beside the published figures.

    Arguments
    ---------
    profiles : sequence of Profile
        One per line.

    Returns
    -------
    str
        The table, and what its columns mean.

    Example
    -------
    >>> table = format_profiles([Profile("mine", 1500, 2e6, 1.9e6, 0.5, 32)])
    >>> table.splitlines()[1].split()[-5:]
    ['-5.0', '%', '0.5000', '32', 'ms']
    """
    rows = [HEAD, *map(_row, profiles)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        )
        for row in rows
    ]
    return "\n".join(lines) + "\n" + NOTES
