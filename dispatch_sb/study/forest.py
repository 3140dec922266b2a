"""The forest plot: every comparison's effect and interval on one scale.

Authors
 * The dispatch-sb contributors, 2026
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dispatch_sb.report.canvas import INK, LINE, SERIES, SOFT, styled
from dispatch_sb.scoring.catalogue import CATALOGUE
from dispatch_sb.study.comparisons import Effect

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 8.0  # inches: a README shows it 800 pixels wide, its letters 14 high
NAME_WIDTH = 30  # letters of a comparison's name in one line
WIDEST = 4  # intervals beyond so many times the largest mean are cut
FOUND = {
    "better": (SERIES[0], "better, Holm-corrected"),
    "worse": (SERIES[4], "worse, Holm-corrected"),
}
OPEN = (SOFT, "no claim")


@styled
def forest_figure(effects: Sequence[Effect]) -> "Figure":
    """Draws effects with their intervals, a panel for each test set.

    A dot is the mean over seeds with its 95 % interval, the small marks
    below are the single seeds. An arrow is an interval that goes on.

    Arguments
    ---------
    effects : sequence of Effect
        At least one, all in one metric; those that are not yet run keep
        their row.

    Returns
    -------
    matplotlib.figure.Figure
        To be saved on white.

    Example
    -------
    >>> from dispatch_sb.study.comparisons import Comparison, compare
    >>> question = Comparison("any", "l2", "none")
    >>> effects = compare([], [question], "T", test_sets=["easy", "hard"])
    >>> [axes.get_title("left") for axes in forest_figure(effects).axes]
    ['easy', 'hard']
    """
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(effect.test_set for effect in effects))
    rows = list(dict.fromkeys(map(_row, effects)))
    several = len({effect.student for effect in effects}) > 1
    names = [
        textwrap.fill(f"{student}: {name}" if several else name, NAME_WIDTH)
        for student, name in rows
    ]
    lines = 1 + max(name.count("\n") for name in names)
    height = 1.25 + max(0.5, 0.18 * lines) * len(rows)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True)
    limit = _limit(effects)
    for axes, name in zip([panels] if len(sets) == 1 else panels, sets):
        for effect in effects:
            if effect.test_set == name:
                _draw(axes, rows.index(_row(effect)), effect, limit)
        _dress(axes, name, limit, len(rows))
    axes.set_yticks(range(len(rows)), names)
    figure.get_layout_engine().set(wspace=0.06)
    label = CATALOGUE[effects[0].metric].label
    text = f"difference in {label}, 95 % interval"
    figure.supxlabel(text, fontsize=10, color=SOFT)
    _legend(figure, effects)
    return figure


def _row(effect):
    """What shares a row: the same question to the same student."""
    return effect.student, effect.comparison.name


def _limit(effects):
    """Half of the axis: all means, and intervals as far as they help."""
    found = [effect.difference for effect in effects if effect.difference]
    means = [abs(x) for d in found for x in (d.mean, *d.seed_means.values())]
    ends = [abs(x) for d in found for x in (d.low, d.high) if x is not None]
    largest = max(means, default=0.0)
    reach = max([largest, *(min(end, WIDEST * largest) for end in ends)])
    return 1.1 * reach or 1.0


def _draw(axes, row, effect, limit):
    """One row: the interval, the mean with its number, the seeds."""
    found, (colour, _) = effect.difference, FOUND.get(effect.verdict, OPEN)
    if found is None:
        place = {"ha": "center", "va": "center", "backgroundcolor": "white"}
        axes.text(0, row, "not yet run", fontsize=9, color=SOFT, **place)
        return
    if found.low is not None:
        low, high = max(found.low, -limit), min(found.high, limit)
        axes.plot([low, high], [row, row], color=colour, linewidth=3)
        if low > found.low:
            axes.plot(low, row, "<", color=colour, clip_on=False)
        if high < found.high:
            axes.plot(high, row, ">", color=colour, clip_on=False)
    axes.plot(found.mean, row, "o", color=colour, markersize=8)
    means = list(found.seed_means.values())
    axes.plot(
        means, [row + 0.2] * len(means), "|", color=INK, markersize=6, alpha=0.6
    )
    axes.annotate(
        f"{found.mean:+.{CATALOGUE[effect.metric].decimals + 1}f}",
        (found.mean, row),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        color=INK,
        fontsize=9,
    )


def _dress(axes, title, limit, rows):
    """Title, the line of no effect, and a calm grid."""
    axes.set_title(title)
    axes.axvline(0, color=SOFT, linewidth=1.2, zorder=1.5)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(rows - 0.5, -0.6)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color=LINE)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _legend(figure, effects):
    """What the colours and marks mean, of those that occur."""
    from matplotlib.lines import Line2D

    run = [effect for effect in effects if effect.difference]
    kinds = dict.fromkeys(FOUND.get(e.verdict, OPEN) for e in run)
    handles = [
        Line2D([], [], color=colour, marker="o", linewidth=3, label=label)
        for colour, label in kinds
    ]
    seeds = Line2D([], [], color=INK, marker="|", linewidth=0, label="one seed")
    if run:
        place = {"loc": "outside upper right", "ncols": 4}
        figure.legend(handles=[*handles, seeds], **place)
