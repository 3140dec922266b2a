"""How far the student moved from the noisy input towards the teacher, patch
by patch, in the distances of the distillation loss. Needs no clean speech.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from dispatch_sb.report.canvas import SERIES, new_figure, styled
from dispatch_sb.report.gap import (
    BandMap,
    band_maps,
    draw_patches,
    knowledge_gap,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Patches in which the teacher changed less than this share of what it changed
# in the band's loudest changes (the 95th percentile) are left blank.
LITTLE = 0.05
# Below float32's precision a distance is only the models' rounding.
NOTHING = 1e-9
# Other colours than the knowledge gap's, which is another quantity: brown
# where the student went the other way, sand, teal where it followed. None of
# them looks like an empty patch, on a light page or a dark one.
COLOURS = (SERIES[1], "#e9dfc6", SERIES[0])


class Followed(NamedTuple):
    """Where the teacher was followed.

    Arguments
    ---------
    maps : list of BandMap
        Per band of the loss; `gap` holds the share of the way, at most 1, and
        `candidate` tells which patches are shown.
    shares : dict
        The share of the way by band, over all its patches: 1 minus the sum of
        the student's distances over the sum of the noisy input's.
    """

    maps: list[BandMap]
    shares: dict[str, float]


def followed(
    loss: torch.nn.Module, signals: Mapping[str, np.ndarray]
) -> Followed:
    """Compares how far student and noisy input are from the teacher.

    Arguments
    ---------
    loss : DistillationLoss
        Gives patches and distance.
    signals : mapping
        Waveforms `[samples]` of noisy, student and teacher.

    Returns
    -------
    Followed
        The maps, and their summary.

    Raises
    ------
    ValueError
        If the signals are too short for the loss.

    Example
    -------
    >>> from dispatch_sb.losses import DistillationLoss, MagnitudeL2
    >>> noisy, teacher = np.random.default_rng(0).normal(size=(2, 4000))
    >>> signals = {"noisy": noisy, "student": teacher, "teacher": teacher}
    >>> followed(DistillationLoss(MagnitudeL2()), signals).shares
    {'all': 1.0}
    """
    student, noisy = (
        _distances(loss, signals[name], signals["teacher"])
        for name in ("student", "noisy")
    )
    detail, shares = {}, {}
    for name, band in noisy.items():
        after, before = student[name]["gap"], band["gap"]
        shown = band["candidate"] & (before > _least(band))
        share = 1 - after / torch.where(shown, before, 1.0)
        detail[name] = band | {
            "gap": share,
            "selected": shown,
            "candidate": shown,
        }
        if band["mean_gap"] > 0:
            rest = student[name]["mean_gap"] / band["mean_gap"]
            shares[name] = 1 - float(rest)
    return Followed(band_maps(loss, detail), shares)


def _distances(loss, signal, teacher) -> dict[str, dict[str, torch.Tensor]]:
    """The loss' details with the teacher for the clean speech: there the gap
    is the distance to the teacher."""
    trio = {"student": signal, "teacher": teacher, "clean": teacher}
    return knowledge_gap(
        loss, {name: np.asarray(x, np.float64) for name, x in trio.items()}
    )


def _least(band: Mapping[str, torch.Tensor]) -> float:
    """The distance up to which the teacher counts as having changed next to
    nothing."""
    inside = band["gap"][band["candidate"]]
    loudest = torch.quantile(inside, 0.95) if len(inside) else 0.0
    return max(LITTLE * float(loudest), NOTHING)


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
    draw_patches(
        figure.add_subplot(),
        panel,
        (0.0, seconds),
        1.0,
        colours,
        "share of the way",
        extend="min",
        ticks=[-1, 0, 1],
    )
    return figure
