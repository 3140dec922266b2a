"""Pictures of numbers: training curves, scores with their intervals, and
the gain of every test file.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dispatch_sb.report.canvas import (
    INK,
    SERIES,
    SOFT,
    SYSTEM_COLOURS,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def curves_figure(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    unit: str = "",
    percent: bool = False,
) -> "Figure":
    """Curves over the epochs.

    Arguments
    ---------
    curves : mapping
        A list of (epoch, value) for each name in the legend. What is not
        finite leaves a gap.
    title : str
        What the values are.
    unit : str
        Stands at the upright axis.
    percent : bool
        Whether to show shares of 1 in percent, on an axis from 0 to 100 %.

    Returns
    -------
    matplotlib.figure.Figure
        Lines with a dot for every value where there are few.

    Example
    -------
    >>> figure = curves_figure({"loss": [(1, 0.5), (2, 0.3)]}, "Loss")
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import PercentFormatter

    figure = new_figure(3.8, 2.6)
    axes = figure.add_subplot()
    for number, (name, points) in enumerate(curves.items()):
        epochs, values = np.array(points, dtype=float).reshape(-1, 2).T
        axes.plot(
            epochs,
            np.where(np.isfinite(values), values, np.nan),
            color=SERIES[number % len(SERIES)],
            linestyle="-" if number < len(SERIES) else "--",
            marker="o" if len(epochs) <= 30 else None,
            markersize=3,
            label=name,
        )
    _epoch_axis(axes)
    if percent:
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
    axes.set_ylabel(unit)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    if len(curves) > 1:
        figure.legend(
            loc="outside lower left",
            ncols=3,
            handlelength=1.0,
            columnspacing=1.0,
            fontsize=9,
        )
    return figure


@styled
def score_figure(
    scores: Mapping[str, Mapping[str, Mapping]],
    metric: str,
    title: str,
    digits: int = 2,
) -> "Figure":
    """One metric's means and 95 % intervals, side by side.

    Arguments
    ---------
    scores : mapping
        `{"noisy"|"student"|"teacher": {metric: {"mean", "ci95"}}}`, as in
        scores.json. What is missing is left out.
    metric : str
        Which metric.
    title : str
        The metric's name for readers.
    digits : int
        Decimals of the means.

    Returns
    -------
    matplotlib.figure.Figure
        A row per system: a dot, its interval, its value.

    Example
    -------
    >>> mean = {"mean": 2.5, "ci95": [2.4, 2.6]}
    >>> figure = score_figure({"student": {"pesq": mean}}, "pesq", "PESQ")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['student']
    """
    systems = [name for name in SYSTEM_COLOURS if name in scores]
    figure = new_figure(2.9, 0.75 + 0.28 * len(systems))
    axes = figure.add_subplot()
    for row, name in enumerate(systems):
        score = scores[name].get(metric, {})
        mean, interval = score.get("mean"), score.get("ci95")
        if not _finite(mean):
            continue
        colour = SYSTEM_COLOURS[name]
        if interval and all(_finite(end) for end in interval):
            axes.plot(interval, [row, row], color=colour, linewidth=3.5)
        axes.plot(mean, row, "o", color=colour, markersize=8)
        axes.annotate(
            f"{mean:.{digits}f}",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            color=INK,
        )
    axes.set_yticks(range(len(systems)), systems)
    axes.set_ylim(len(systems) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_title(title)
    return figure


@styled
def gain_figure(
    gains: Mapping[str, float], marked: Mapping[str, str], unit: str
) -> "Figure":
    """How much every test file has gained, from the worst to the best.

    Arguments
    ---------
    gains : mapping
        Gain of each file.
    marked : mapping
        Files to point out, with their labels.
    unit : str
        Stands at the upright axis.

    Returns
    -------
    matplotlib.figure.Figure
        A step per file; the marked ones are full, labelled bars.

    Example
    -------
    >>> figure = gain_figure({"a": 0.5, "b": -0.1}, {"a": "best"}, "PESQ")
    >>> [float(bar.get_height()) for bar in figure.axes[0].containers[0]]
    [0.5]
    """
    ranked = sorted(gains, key=lambda name: (gains[name], name))
    heights = np.array([gains[name] for name in ranked])
    figure = new_figure(4.6, 2.4)
    axes = figure.add_subplot()
    places = np.arange(len(ranked) + 1) + 0.5
    for part, colour in ((np.maximum, SERIES[0]), (np.minimum, SERIES[4])):
        axes.stairs(
            part(heights, 0), places, fill=True, color=colour, alpha=0.35
        )
    for place, name in enumerate(ranked, start=1):
        if name in marked:
            _mark(axes, place, gains[name], marked[name], len(ranked))
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.margins(x=0.02, y=0.16)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel(f"{len(ranked)} test files, worst to best")
    axes.set_ylabel(unit)
    return figure


def _mark(axes, place: int, gain: float, label: str, files: int) -> None:
    """A labelled bar, wide enough to be seen among many files."""
    axes.bar(
        place,
        gain,
        width=max(0.9, files / 120),
        color=SERIES[0] if gain >= 0 else SERIES[4],
    )
    axes.annotate(
        label,
        (place, max(gain, 0.0)),
        xytext=(0, 3),
        textcoords="offset points",
        ha="left" if place <= files / 10 else "center",
        va="bottom",
    )


def _epoch_axis(axes) -> None:
    """Whole epochs to the right, a calm grid behind."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xlabel("epoch")
    axes.tick_params(length=3)


def _finite(value) -> bool:
    """Whether a value is a number that can be drawn."""
    return isinstance(value, int | float) and math.isfinite(value)
