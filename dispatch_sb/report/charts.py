"""Pictures of numbers: training curves, scores with their intervals, and
the gain of every test file.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dispatch_sb.report.canvas import (
    INK,
    SERIES,
    SOFT,
    new_figure,
    styled,
    system_colour,
)
from dispatch_sb.report.numbers import number, shown
from dispatch_sb.scoring.catalogue import CATALOGUE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VALIDATED = ("pesq", "si_sdr")
TITLES = {
    "loss": "Total loss",
    "terms": "Loss terms in training",
    "share": "Patches selected in training",
    "gap": "Mean knowledge gap in training",
    "followed": "Selected patches by teacher in training",
    **{name: f"Validation {CATALOGUE[name].label}" for name in VALIDATED},
}
PER_BAND = {"selected_share_": "share", "mean_gap_": "gap"}
FOLLOWED = re.compile(r"(teacher_\d+)_share_(\w+)")
PERCENT = ("share", "followed")


class Chart(NamedTuple):
    """Curves over the epochs that share their axes.

    Arguments
    ---------
    name : str
        Unique; part of an HTML identifier. Those in `PERCENT` are shares of
        1, shown on an axis from 0 to 100 %.
    title : str
        What they show.
    curves : dict
        A list of (epoch, value) for each name in the legend. A value that is
        NaN leaves a gap.
    """

    name: str
    title: str
    curves: dict[str, list[tuple[float, float]]]

    @property
    def alt(self) -> str:
        """The chart in words: where each curve begins and ends."""
        ends = "; ".join(
            f"{name} {points[0][1]:.3g} at epoch {points[0][0]:g}, "
            f"{points[-1][1]:.3g} at epoch {points[-1][0]:g}"
            for name, points in self.curves.items()
        )
        return f"{self.title}: {ends}"


def charts(epochs: Iterable[Mapping]) -> list[Chart]:
    """Sorts everything that was logged into charts; what was not logged has
    none.

    Arguments
    ---------
    epochs : iterable of mapping
        Lines of training.jsonl.

    Returns
    -------
    list of Chart
        Total loss, loss terms, selected share, mean gap, of several teachers
        the share of each, and the scores of the validation.

    Example
    -------
    >>> log = [{"epoch": 1, "train": {"loss": 1.0, "mean_gap_low": 0.2}}]
    >>> [chart.name for chart in charts(log)]
    ['loss', 'gap']
    """
    found = {}
    for line in epochs:
        for group in ("train", "valid"):
            for term, value in (line.get(group) or {}).items():
                if value is not None:
                    chart, curve = _place(group, term)
                    curves = found.setdefault(chart, {})
                    point = line["epoch"], number(value)
                    curves.setdefault(curve, []).append(point)
    return [
        Chart(name, title, found[name])
        for name, title in TITLES.items()
        if name in found
    ]


def _place(group: str, term: str) -> tuple[str, str]:
    """Of a logged term, its chart and its name in the legend."""
    if term == "loss":
        return "loss", "training" if group == "train" else "validation"
    if group == "valid":
        return term, "student"
    for prefix, chart in PER_BAND.items():
        if term.startswith(prefix):
            return chart, f"{term.removeprefix(prefix)} band"
    if found := FOLLOWED.fullmatch(term):
        teacher, band = found.groups()
        return "followed", f"{teacher.replace('_', ' ')}, {band} band"
    return "terms", term.replace("_", " ")


@styled
def curves_figure(chart: Chart) -> "Figure":
    """Curves over the epochs.

    Arguments
    ---------
    chart : Chart
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Lines with a dot for every value where there are few.

    Example
    -------
    >>> chart = Chart("loss", "Loss", {"loss": [(1, 0.5), (2, 0.3)]})
    >>> curves_figure(chart).axes[0].get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = new_figure(3.8, 2.6)
    axes = figure.add_subplot()
    for place, (name, points) in enumerate(chart.curves.items()):
        axes.plot(
            *np.array(points, dtype=float).reshape(-1, 2).T,
            color=SERIES[place % len(SERIES)],
            linestyle="-" if place < len(SERIES) else "--",
            marker="o" if len(points) <= 30 else None,
            markersize=3,
            label=name,
        )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(length=3)
    axes.set_xlabel("epoch")
    if chart.name in PERCENT:
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
    figure.suptitle(chart.title, x=0.01, ha="left", fontsize=11)
    if len(chart.curves) > 1:
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
    scores: Mapping[str, Mapping[str, Mapping]], metric: str
) -> "Figure":
    """One metric's means and 95 % intervals, side by side.

    Arguments
    ---------
    scores : mapping
        `{"noisy"|"student"|"teacher": {metric: {"mean", "ci95"}}}`, as in
        scores.json, in the order to show. What is missing is left out.
    metric : str
        Which of the known metrics.

    Returns
    -------
    matplotlib.figure.Figure
        A row per system: a dot, its interval, its value.

    Example
    -------
    >>> mean = {"mean": 2.5, "ci95": [2.4, 2.6]}
    >>> figure = score_figure({"student": {"pesq": mean}}, "pesq")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['student']
    """
    systems = list(scores)
    figure = new_figure(2.9, 0.75 + 0.28 * len(systems))
    axes = figure.add_subplot()
    for row, name in enumerate(systems):
        score, colour = scores[name].get(metric, {}), system_colour(name)
        mean = number(score.get("mean"))
        if np.isnan(mean):
            continue
        ends = [number(end) for end in score.get("ci95") or ()]
        if ends and np.isfinite(ends).all():
            axes.plot(ends, [row, row], color=colour, linewidth=3.5)
        axes.plot(mean, row, "o", color=colour, markersize=8)
        axes.annotate(
            shown(mean, CATALOGUE[metric].decimals),
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            color=INK,
        )
    names = [name.replace("_", " ") for name in systems]
    axes.set_yticks(range(len(systems)), names)
    axes.set_ylim(len(systems) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_title(CATALOGUE[metric].label)
    return figure


@styled
def gain_figure(
    gains: Mapping[str, float], marked: Mapping[str, str]
) -> "Figure":
    """How much PESQ every test file has gained, from the worst to the best.

    Arguments
    ---------
    gains : mapping
        Gain of each file.
    marked : mapping
        Files to point out, with their labels.

    Returns
    -------
    matplotlib.figure.Figure
        A step per file; the marked ones are full, labelled bars.

    Example
    -------
    >>> figure = gain_figure({"a": 0.5, "b": -0.1}, {"a": "best"})
    >>> [float(bar.get_height()) for bar in figure.axes[0].containers[0]]
    [0.5]
    """
    ranked = sorted(gains, key=lambda name: (gains[name], name))
    heights = np.array([gains[name] for name in ranked])
    up, down = SERIES[0], SERIES[4]
    figure = new_figure(4.6, 2.4)
    axes = figure.add_subplot()
    places = np.arange(len(ranked) + 1) + 0.5
    for part, colour in ((np.maximum, up), (np.minimum, down)):
        axes.stairs(
            part(heights, 0), places, fill=True, color=colour, alpha=0.35
        )
    for place, name in enumerate(ranked, start=1):
        if name in marked:
            gain = gains[name]
            axes.bar(  # wide enough to be seen among many files
                place,
                gain,
                width=max(0.9, len(ranked) / 120),
                color=up if gain >= 0 else down,
            )
            axes.annotate(
                marked[name],
                (place, max(gain, 0.0)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="left" if place <= len(ranked) / 10 else "center",
                va="bottom",
            )
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.margins(x=0.02, y=0.16)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel(f"{len(ranked)} test files, worst to best")
    axes.set_ylabel("PESQ gain")
    return figure
