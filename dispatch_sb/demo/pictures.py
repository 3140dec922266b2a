"""The map of where the teacher was followed, in the report's style.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dispatch_sb.report.canvas import SERIES, new_figure, styled
from dispatch_sb.report.gap import BandMap
from dispatch_sb.report.spectrograms import label_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Other colours than the knowledge gap's, which is another quantity: brown
# where the student went the other way, sand, teal where it followed. None of
# them looks like an empty patch, on a light page or a dark one.
COLOURS = (SERIES[1], "#e9dfc6", SERIES[0])


@styled
def followed_figure(panel: Sequence[BandMap], seconds: float) -> "Figure":
    """Draws bands that share no frequency.

    Arguments
    ---------
    panel : sequence of BandMap
        From `followed` and `panels_of`; `gap` is the share of the way.
    seconds : float
        How long the recording is.

    Returns
    -------
    matplotlib.figure.Figure
        Time in s to the right, frequency in kHz upwards, the share of the
        way from -1 to 1 as colour, nothing where a patch is not shown.

    Example
    -------
    >>> edges = np.arange(4.0)
    >>> shown = np.eye(3, dtype=bool)
    >>> one = BandMap("all", np.ones((3, 3)), 1.0 * shown, shown, edges, edges)
    >>> [axes.get_ylabel() for axes in followed_figure([one], 3.0).axes]
    ['frequency (kHz)', 'share of the way']
    """
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("followed", COLOURS)
    figure = new_figure(4.6, 2.5)
    axes = figure.add_subplot()
    if _is_crowded(panel):
        axes.set_yscale("function", functions=(np.sqrt, np.square))
    for band in panel:
        mesh = axes.pcolormesh(
            band.times,
            band.edges_khz,
            np.ma.masked_where(~band.candidate, band.gap).T,
            cmap=colours,
            vmin=-1,
            vmax=1,
            rasterized=True,
        )
    label_axes(axes, (0.0, seconds), max(band.top_khz for band in panel))
    bar = figure.colorbar(
        mesh, ax=axes, pad=0.02, aspect=14, extend="min", ticks=[-1, 0, 1]
    )
    bar.outline.set_visible(False)
    bar.set_label("share of the way")
    return figure


def _is_crowded(panel: Sequence[BandMap]) -> bool:
    """Whether most patches lie in the lowest fifth of the axis, where a
    square-root scale shows them larger, as in the knowledge gap's map."""
    uppers = np.concatenate(
        [band.edges_khz[1:][np.nonzero(band.candidate)[1]] for band in panel]
    )
    top = max(band.top_khz for band in panel)
    return len(uppers) > 0 and float(np.median(uppers)) < 0.2 * top
