"""The training log as pictures: which curves belong together, and what each
is called.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dispatch_sb.report.numbers import series

SHARE, GAP = "selected_share_", "mean_gap_"
VALIDATION = {"pesq": ("PESQ-WB", ""), "si_sdr": ("SI-SDR", "dB")}


class Chart(NamedTuple):
    """Curves that share their axes.

    Arguments
    ---------
    name : str
        Unique; part of an HTML identifier.
    title : str
        What they show.
    curves : dict
        (epoch, value) pairs under the names for the legend.
    unit : str
        Stands at the upright axis.
    percent : bool
        Whether the values are shares of 1.
    """

    name: str
    title: str
    curves: dict[str, list[tuple[float, float]]]
    unit: str = ""
    percent: bool = False

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
        Total loss, loss terms, selected share, mean gap, and the scores of
        the validation.

    Example
    -------
    >>> log = [{"epoch": 1, "train": {"loss": 1.0, "mean_gap_low": 0.2}}]
    >>> [chart.name for chart in charts(log)]
    ['loss', 'gap']
    """
    epochs = list(epochs)
    train, valid = _terms(epochs, "train"), _terms(epochs, "valid")
    loss = {
        "training": train.get("loss", []),
        "validation": valid.get("loss", []),
    }
    special = ("loss", SHARE, GAP)
    terms = {
        name.replace("_", " "): points
        for name, points in train.items()
        if not name.startswith(special)
    }
    found = [
        Chart("loss", "Total loss", loss),
        Chart("terms", "Loss terms in training", terms),
        Chart(
            "share",
            "Patches selected in training",
            _bands(train, SHARE),
            percent=True,
        ),
        Chart("gap", "Mean knowledge gap in training", _bands(train, GAP)),
    ]
    for metric, (label, unit) in VALIDATION.items():
        curve = {"student": valid.get(metric, [])}
        found.append(Chart(metric, f"Validation {label}", curve, unit))
    drawn = [
        chart._replace(curves={k: v for k, v in chart.curves.items() if v})
        for chart in found
    ]
    return [chart for chart in drawn if chart.curves]


def _terms(epochs: list, group: str) -> dict[str, list[tuple[float, float]]]:
    """Every curve of a group, in the order of its first appearance."""
    names = {
        name: None
        for line in epochs
        if isinstance(line.get(group), dict)
        for name in line[group]
    }
    return {name: series(epochs, group, name) for name in names}


def _bands(
    terms: Mapping[str, list], prefix: str
) -> dict[str, list[tuple[float, float]]]:
    """The curves of all bands under the bands' names."""
    return {
        f"{name.removeprefix(prefix)} band": points
        for name, points in terms.items()
        if name.startswith(prefix)
    }
