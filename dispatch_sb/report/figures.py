"""The map of the knowledge gap, with the patches that a selection rule kept,
alone and below the spectrograms that belong to it.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dispatch_sb.report.canvas import new_figure, styled
from dispatch_sb.report.gap import (
    BandMap,
    band_maps,
    gap_limit,
    outline,
    panels_of,
)
from dispatch_sb.report.spectrograms import (
    colour_range,
    draw_spectrogram,
    label_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FADED = 0.3  # opacity of a patch that was not selected
OUTLINE = "#10161d"  # on light cells, whatever the page's colours
VEIL = "#9aa3ae"  # shines through where a patch was not selected


@styled
def overview_figure(
    signals: Mapping[str, np.ndarray],
    sample_rate: int = 16000,
    detail: Mapping[str, Mapping] | None = None,
    hop: int = 128,
    patch_frames: int = 1,
) -> "Figure":
    """One utterance in one picture: spectrograms, and the knowledge gap.

    Arguments
    ---------
    signals : mapping
        Waveforms `[samples]` under their titles, such as noisy, student,
        teacher and clean.
    sample_rate : int
        In Hz.
    detail : mapping or None
        As for `knowledge_gap_figure`; None leaves the maps out.
    hop : int
        Samples from one frame of the loss to the next.
    patch_frames : int
        Frames of a patch.

    Returns
    -------
    matplotlib.figure.Figure
        The spectrograms side by side on one colour scale, the maps below.

    Example
    -------
    >>> figure = overview_figure({"noisy": np.ones(800), "clean": np.ones(800)})
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['noisy', 'clean']
    """
    panels = []
    if detail:
        frame = hop / sample_rate
        panels = panels_of(band_maps(detail, 0, frame, None, patch_frames))
    figure = new_figure(11.0, 2.4 + 2.7 * bool(panels))
    rows = figure.subfigures(1 + bool(panels), 1, squeeze=False)[:, 0]
    levels = colour_range(list(signals.values()))
    top = rows[0].subplots(1, len(signals), squeeze=False, sharey=True)[0]
    for axes, (name, signal) in zip(top, signals.items()):
        image = draw_spectrogram(axes, signal, sample_rate, levels)
        axes.set_title(name)
        axes.label_outer()
    rows[0].colorbar(image, ax=list(top), pad=0.01, label="level (dB)")
    if panels:
        below = rows[1].subplots(1, len(panels), squeeze=False)[0]
        for axes, maps in zip(below, panels):
            draw_knowledge_gap(axes, maps, fine=True)
            names = " and ".join(band.name for band in maps)
            words = "" if names == "all" else f", {names} band"
            axes.set_title(f"knowledge gap{words}")
    return figure


@styled
def knowledge_gap_figure(
    detail: Mapping[str, Mapping],
    sample_rate: int = 16000,
    hop: int = 128,
    bands: Sequence[str] | None = None,
    utterance: int = 0,
    span: tuple[float, float] | None = None,
    patch_frames: int = 1,
    fine: bool | None = None,
) -> "Figure":
    """The Knowledge Gap Score of one utterance, patch by patch.

    Red is where the teacher is nearer to the clean speech, blue where the
    student is. Selected patches are outlined and keep their full colour,
    the others lie under a grey veil, and what is no candidate is empty.

    Arguments
    ---------
    detail : mapping
        The second value of `DistillationLoss(…, return_detail=True)`.
    sample_rate : int
        The loss' sample rate in Hz.
    hop : int
        Samples from one frame of the loss to the next.
    bands : sequence of str or None
        The bands to show; None takes all. Bands that share frequencies, as
        DFKD's low and high band do, get a panel each.
    utterance : int
        Which of the batch.
    span : tuple of float or None
        The part to show, in s; None shows the whole utterance.
    patch_frames : int
        Frames of a patch.
    fine : bool or None
        Whether to draw the outline as a hairline; None does so where the
        whole utterance is shown.

    Returns
    -------
    matplotlib.figure.Figure
        One panel with a colour bar per set of bands.

    Example
    -------
    >>> import torch
    >>> from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
    >>> loss = DistillationLoss(DFKD(patch_bins=(10, 40)), TopGap(0.8))
    >>> _, detail = loss(*torch.randn(3, 1, 8000), return_detail=True)
    >>> len(knowledge_gap_figure(detail).axes)  # two panels, two colour bars
    4
    """
    maps = band_maps(detail, utterance, hop / sample_rate, bands, patch_frames)
    panels = panels_of(maps)
    figure = new_figure(4.6, 0.4 + 2.1 * len(panels))
    for number, maps in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, number + 1)
        draw_knowledge_gap(axes, maps, span, fine)
        if len(panels) > 1:
            axes.set_title(f"{maps[0].name} band")
    return figure


def draw_knowledge_gap(
    axes: "Axes",
    maps: Sequence[BandMap],
    span: tuple[float, float] | None = None,
    fine: bool | None = None,
) -> None:
    """Draws bands that share no frequency into axes, with a colour bar; see
    `knowledge_gap_figure`.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        Where to draw.
    maps : sequence of BandMap
        From `band_maps`.
    span : tuple of float or None
        The part to show, in s; None shows everything.
    fine : bool or None
        See `knowledge_gap_figure`.
    """
    limit = gap_limit(maps)
    fine = span is None if fine is None else fine
    span = span or (0.0, max(float(band.times[-1]) for band in maps))
    if _crowded(maps):
        axes.set_yscale("function", functions=(np.sqrt, np.square))
    for band in maps:
        shown = band.between(*span)
        mesh = _draw_patches(axes, shown, limit)
        _draw_outline(axes, shown, fine)
    label_axes(axes, span, max(float(band.top_khz) for band in maps))
    bar = axes.figure.colorbar(
        mesh, ax=axes, pad=0.02, aspect=14, extend="both"
    )
    bar.outline.set_visible(False)
    bar.set_label("knowledge gap")


def _crowded(maps: Sequence[BandMap]) -> bool:
    """Whether most candidates lie in the lowest fifth of the axis, as those
    of DFKD's low band do: a square-root scale then shows them larger."""
    uppers = np.concatenate(
        [band.edges_khz[1:][np.nonzero(band.candidate)[1]] for band in maps]
    )
    top = max(band.top_khz for band in maps)
    return len(uppers) > 0 and float(np.median(uppers)) < 0.2 * top


def _draw_patches(axes: "Axes", band: BandMap, limit: float):
    """Every candidate patch as a coloured cell, veiled by its weight."""
    from matplotlib.colors import ListedColormap

    absent = ~band.candidate
    grid = (band.times, band.edges_khz)
    veil = np.ma.masked_where(absent, np.zeros_like(band.gap))
    axes.pcolormesh(*grid, veil.T, cmap=ListedColormap([VEIL]), rasterized=True)
    opacity = FADED + (1 - FADED) * np.clip(band.weight, 0, 1)
    return axes.pcolormesh(
        *grid,
        np.ma.masked_where(absent, band.gap).T,
        alpha=np.where(absent, 0.0, opacity).T,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        rasterized=True,
    )


def _draw_outline(axes: "Axes", band: BandMap, fine: bool) -> None:
    """One compound path around all selected patches of a band."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    segments = outline(band)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(segments))
    patch = PathPatch(
        Path(segments.reshape(-1, 2), codes if len(segments) else None),
        fill=False,
        edgecolor=OUTLINE,
        linewidth=0.25 if fine else 0.9,
        rasterized=fine,
        gid=f"selected-{band.name}",
    )
    axes.add_artist(patch)  # add_patch would search for limits: slow
