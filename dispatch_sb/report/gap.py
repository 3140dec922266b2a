"""The knowledge gap of one utterance, patch by patch: asked of a loss, as
plain arrays, and as pictures with the patches that the loss selected.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from dispatch_sb.report.canvas import (
    new_figure,
    styled,
    system_colour,
    to_svg,
)
from dispatch_sb.report.spectrograms import label_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SELECTED = 0.5  # a soft rule's weight from which a patch counts as selected
FADED = 0.3  # opacity of a patch that was not selected
OUTLINE = "#10161d"  # on light cells, whatever the page's colours
VEIL = "#9aa3ae"  # shines through where a patch was not selected
HAIRLINE = 1.0  # s: of longer stretches the outline is a hairline
Span = tuple[float, float]  # begin and end in s


class BandMap(NamedTuple):
    """The patches of one utterance in one band.

    Arguments
    ---------
    name : str
        The band's, as the loss calls it.
    gap : np.ndarray
        Knowledge Gap Score `[T, P]`; positive where the teacher is better.
    weight : np.ndarray
        Weight of each patch in the loss `[T, P]`, 0 to 1 for hard rules.
    candidate : np.ndarray
        Whether a patch could be selected, bool `[T, P]`.
    times : np.ndarray
        Edges of the patches `[T + 1]` in s.
    edges_khz : np.ndarray
        Edges of the patches `[P + 1]` in kHz.
    teacher : np.ndarray, optional
        Of several teachers the number of the one that each patch follows, int
        `[T, P]`, from 0.
    teachers : sequence of str
        Their names, such as teacher_1.
    """

    name: str
    gap: np.ndarray
    weight: np.ndarray
    candidate: np.ndarray
    times: np.ndarray
    edges_khz: np.ndarray
    teacher: np.ndarray | None = None
    teachers: Sequence[str] = ()

    @property
    def followed(self) -> dict[str, int]:
        """The number of selected patches in which each teacher is followed;
        empty without several."""
        if self.teacher is None:
            return {}
        which = self.teacher[self.selected]
        counts = np.bincount(which, minlength=len(self.teachers))
        return dict(zip(self.teachers, counts.tolist()))

    @property
    def selected(self) -> np.ndarray:
        """Whether a patch was selected, bool `[T, P]`."""
        return (self.weight > SELECTED) & self.candidate

    @property
    def top_khz(self) -> float:
        """Upper edge of the highest candidate in kHz."""
        held = np.flatnonzero(self.candidate.any(axis=0))
        return float(self.edges_khz[held[-1] + 1 if len(held) else -1])


Maps = Sequence[BandMap]


def can_be_mapped(signals: Mapping[str, np.ndarray]) -> bool:
    """Whether there is all that `knowledge_gap` needs.

    Arguments
    ---------
    signals : mapping
        Waveforms by name.

    Returns
    -------
    bool
        True with student, clean and a teacher.
    """
    return {"student", "clean"} <= set(signals) and bool(_teachers(signals))


def _teachers(signals: Mapping) -> list[str]:
    """The names of the teachers' waveforms, in their order."""
    return [name for name in signals if name.startswith("teacher")]


def knowledge_gap(
    loss: torch.nn.Module, signals: Mapping[str, np.ndarray]
) -> dict[str, dict[str, torch.Tensor]]:
    """Asks a loss about one utterance.

    Arguments
    ---------
    loss : DistillationLoss
        Whatever the run was trained with; stays on its device.
    signals : mapping
        Waveforms `[samples]` of student, clean and teacher; of several,
        teacher_1, teacher_2 and so on.

    Returns
    -------
    dict
        The loss' details of a batch of one; and "teachers", the names of
        several.
    """
    device = next(
        (t.device for t in [*loss.parameters(), *loss.buffers()]), "cpu"
    )
    teachers = _teachers(signals)
    student, clean, *taught = (
        torch.as_tensor(signals[name], device=device)[None]
        for name in ("student", "clean", *teachers)
    )
    teacher = torch.stack(taught, dim=1) if len(taught) > 1 else taught[0]
    with torch.no_grad():
        detail = loss(student, teacher, clean, return_detail=True)[1]
    return {
        name: {**band, "teachers": teachers} for name, band in detail.items()
    }


def band_maps(
    loss: torch.nn.Module, detail: Mapping[str, Mapping], utterance: int = 0
) -> list[BandMap]:
    """Takes one utterance out of a loss' details.

    Arguments
    ---------
    loss : DistillationLoss
        Its frames say when a patch begins and ends.
    detail : mapping
        From `knowledge_gap`; or, of one teacher, the second value of
        `loss(…, return_detail=True)`.
    utterance : int
        Which of the batch.

    Returns
    -------
    list of BandMap
        In the loss' order, on the CPU.

    Example
    -------
    >>> from dispatch_sb.losses import DistillationLoss, MagnitudeL2
    >>> loss = DistillationLoss(MagnitudeL2(patch_frames=2))
    >>> _, detail = loss(*torch.randn(3, 1, 384), return_detail=True)
    >>> band_maps(loss, detail)[0].times.tolist()  # of four frames
    [-0.004, 0.012, 0.028]
    """
    maps = []
    for name, band in detail.items():
        gap, weight, candidate = (
            band[key][utterance].double().cpu().numpy()
            for key in ("gap", "selected", "candidate")
        )
        frames = np.arange(len(gap) + 1) * loss.host.patch_frames
        times = (frames - 0.5) * (loss.hop / loss.sample_rate)
        edges = band["edges_hz"].cpu().numpy() / 1000
        one = BandMap(name, gap, weight, candidate > 0, times, edges)
        if "teacher" in band:
            which = band["teacher"][utterance].cpu().numpy()
            one = one._replace(teacher=which, teachers=band["teachers"])
        maps.append(one)
    return maps


def panels_of(maps: Maps) -> list[list[BandMap]]:
    """Sorts bands into panels in which none covers another.

    Arguments
    ---------
    maps : sequence of BandMap
        All bands of an utterance.

    Returns
    -------
    list of list of BandMap
        One list where the bands are disjoint, otherwise one per band.

    Example
    -------
    >>> def band(low, high):
    ...     edges = np.array([low, high])
    ...     return BandMap("", *[np.ones((1, 1))] * 3, edges, edges)
    >>> len(panels_of([band(0, 2), band(2, 8)]))
    1
    >>> len(panels_of([band(0, 8), band(0, 8)]))
    2
    """
    ranges = sorted((band.edges_khz[0], band.edges_khz[-1]) for band in maps)
    disjoint = all(
        below[1] <= above[0] + 1e-6 for below, above in zip(ranges, ranges[1:])
    )
    return [list(maps)] if disjoint else [[band] for band in maps]


def gap_limit(maps: Maps) -> float:
    """The gap at which the colours end, the same on both sides of zero.

    Arguments
    ---------
    maps : sequence of BandMap
        The bands of one panel.

    Returns
    -------
    float
        The 95th percentile of the candidates' absolute gap, above 0.
    """
    sizes = np.concatenate([np.abs(band.gap[band.candidate]) for band in maps])
    sizes = sizes[np.isfinite(sizes)]
    limit = float(np.percentile(sizes, 95)) if len(sizes) else 0.0
    return limit if limit > 0 else 1.0


def outline(band: BandMap) -> np.ndarray:
    """The border between selected patches and all others.

    Arguments
    ---------
    band : BandMap
        The patches.

    Returns
    -------
    np.ndarray
        Line segments `[segments, 2, 2]`: two ends of (time in s, frequency
        in kHz), each one side of one selected patch.

    Example
    -------
    >>> edges = np.arange(4.0)
    >>> middle = np.pad([[1.0]], 1)
    >>> lonely = BandMap("", middle, middle, middle > -1, edges, edges)
    >>> outline(lonely).shape  # the four sides of one patch
    (4, 2, 2)
    """
    framed, times, khz = np.pad(band.selected, 1), band.times, band.edges_khz
    t, p = np.nonzero(framed[1:, 1:-1] != framed[:-1, 1:-1])
    upright = np.stack([times[t], khz[p], times[t], khz[p + 1]], axis=-1)
    t, p = np.nonzero(framed[1:-1, 1:] != framed[1:-1, :-1])
    level = np.stack([times[t], khz[p], times[t + 1], khz[p]], axis=-1)
    return np.concatenate([upright, level]).reshape(-1, 2, 2)


def widest_gap(maps: Maps, seconds: float, end: float | None = None) -> Span:
    """Where the teacher is furthest ahead: the stretch that holds the
    largest sum of positive gaps, each band in units of its own limit.

    Arguments
    ---------
    maps : sequence of BandMap
        All bands of an utterance.
    seconds : float
        How long the stretch is.
    end : float or None
        Where it must end at the latest, in s.

    Returns
    -------
    tuple of float
        Begin and end in s.
    """
    times = maps[0].times
    frames = max(1, round(seconds / (times[1] - times[0])))
    ahead = sum(
        np.where(band.candidate, np.clip(band.gap, 0, None), 0).sum(axis=1)
        / gap_limit([band])
        for band in maps
    )
    last = np.searchsorted(times, times[-1] if end is None else end)
    sums = np.convolve(ahead[: max(last, frames)], np.ones(frames), "valid")
    begin = float(max(times[int(np.argmax(sums))], 0.0))
    return begin, begin + frames * float(times[1] - times[0])


def describe(band: BandMap) -> str:
    """A band's patches and selection in words.

    Arguments
    ---------
    band : BandMap
        From `band_maps`.

    Returns
    -------
    str
        One phrase.
    """
    width = float(band.times[1] - band.times[0]) * 1000
    height = float(np.median(np.diff(band.edges_khz))) * 1000
    share = band.selected.sum() / max(band.candidate.sum(), 1) * 100
    name = "" if band.name == "all" else f"{band.name.capitalize()} band: "
    hard = np.isin(band.weight[band.candidate], (0, 1)).all()
    verdict = "selected" if hard else "weighted above one half"
    teachers = " and ".join(_shares([band], " in ").values())
    follows = f", following {teachers}" if teachers else ""
    return (
        f"{name}patches of {height:.0f} Hz × {width:.0f} ms, "
        f"{share:.0f} % {verdict}{follows}"
    )


def _shares(maps: Maps, between: str) -> dict[str, str]:
    """In words, by teacher, in how many selected patches it is followed."""
    counts = Counter()
    for band in maps:
        counts.update(band.followed)
    total = max(counts.total(), 1)
    return {
        name: f"{name.replace('_', ' ')}{between}{100 * count / total:.0f} %"
        for name, count in counts.items()
    }


def draw_patches(
    axes: "Axes",
    maps: Maps,
    span: Span,
    limit: float,
    colours,
    label: str,
    **scale,
) -> None:
    """Draws one quantity of every candidate patch into axes, with a colour
    bar; a patch of less weight lies under a grey veil.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        Where to draw.
    maps : sequence of BandMap
        Bands that share no frequency; `gap` holds the quantity.
    span : tuple of float
        The part to show, in s.
    limit : float
        Where the colours end, on both sides of zero.
    colours : str or matplotlib.colors.Colormap
        From -`limit` to `limit`.
    label : str
        What the quantity is.
    **scale : any
        How the colour bar looks.
    """
    limits = {"vmin": -limit, "vmax": limit}
    gaps = [band.gap for band in maps]
    bar = _draw(axes, maps, span, gaps, scale, cmap=colours, **limits)
    bar.set_label(label)


def _draw(axes, maps, span, values, scale, **colours):
    """Draws a value of every candidate patch as colour; the colour bar."""
    from matplotlib.colors import ListedColormap

    top = max(band.top_khz for band in maps)
    uppers = [band.edges_khz[1:][band.candidate.nonzero()[1]] for band in maps]
    uppers = np.concatenate(uppers)
    if len(uppers) and np.median(uppers) < 0.2 * top:
        # Most lie in the lowest fifth, as in DFKD's low band: this shows them
        # larger.
        axes.set_yscale("function", functions=(np.sqrt, np.square))
    for band, value in zip(maps, values):
        grid, absent = (band.times, band.edges_khz), ~band.candidate
        veil = np.ma.masked_where(absent, np.zeros_like(band.gap))
        axes.pcolormesh(
            *grid, veil.T, cmap=ListedColormap([VEIL]), rasterized=True
        )
        opacity = FADED + (1 - FADED) * np.clip(band.weight, 0, 1)
        mesh = axes.pcolormesh(
            *grid,
            np.ma.masked_where(absent, value).T,
            alpha=np.where(absent, 0.0, opacity).T,
            rasterized=True,
            **colours,
        )
    label_axes(axes, span, top)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=14, **scale)
    bar.outline.set_visible(False)
    return bar


def draw_knowledge_gap(
    axes: "Axes", maps: Maps, span: Span | None = None
) -> None:
    """Draws bands that share no frequency into axes, with a colour bar; see
    `knowledge_gap_figure`.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        Where to draw.
    maps : sequence of BandMap
        From `band_maps`.
    span : tuple of float
        The part to show, in s; None shows everything.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    span = span or (0.0, max(float(band.times[-1]) for band in maps))
    label, limit = "knowledge gap", gap_limit(maps)
    draw_patches(axes, maps, span, limit, "RdBu_r", label, extend="both")
    fine = span[1] - span[0] > HAIRLINE
    for band in maps:
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


def draw_followed_teacher(
    axes: "Axes", maps: Maps, span: Span | None = None
) -> None:
    """Draws which of several teachers every patch follows into axes, with a
    colour bar that says in how many of the selected patches that is; patches
    that are not selected lie under a grey veil.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        Where to draw.
    maps : sequence of BandMap
        From `band_maps`; bands that share no frequency.
    span : tuple of float
        The part to show, in s; None shows everything.
    """
    from matplotlib.colors import ListedColormap

    span = span or (0.0, max(float(band.times[-1]) for band in maps))
    words = _shares(maps, "\n")
    colours = [system_colour(name) for name in words]
    values, cmap = [band.teacher for band in maps], ListedColormap(colours)
    limits = {"vmin": -0.5, "vmax": len(colours) - 0.5}
    bar = _draw(axes, maps, span, values, {}, cmap=cmap, **limits)
    bar.set_ticks(range(len(words)), labels=[*words.values()])
    bar.ax.tick_params(length=0)


@styled
def knowledge_gap_figure(maps: Maps, span: Span | None = None) -> "Figure":
    """The Knowledge Gap Score of one utterance, patch by patch.

    Red is where the teacher is nearer to the clean speech, blue where the
    student is. Selected patches are outlined and keep their full colour,
    the others lie under a grey veil, and what is no candidate is empty. Of
    several teachers a second panel says which one each patch follows.

    Arguments
    ---------
    maps : sequence of BandMap
        From `band_maps`. Bands that share frequencies, as DFKD's low and high
        band do, get a panel each.
    span : tuple of float or None
        The part to show, in s; None shows the whole utterance.

    Returns
    -------
    matplotlib.figure.Figure
        One panel with a colour bar per set of bands, or two panels.

    Example
    -------
    >>> from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
    >>> loss = DistillationLoss(DFKD(patch_bins=(10, 40)), TopGap(0.8))
    >>> _, detail = loss(*torch.randn(3, 1, 8000), return_detail=True)
    >>> figure = knowledge_gap_figure(band_maps(loss, detail))
    >>> len(figure.axes)  # two panels, two colour bars
    4
    """
    panels = panels_of(maps)
    drawings = [draw_knowledge_gap]
    if maps[0].teacher is not None:
        drawings.append(draw_followed_teacher)
    count = len(panels) * len(drawings)
    figure = new_figure(4.6, 0.4 + 2.1 * count)
    places = iter(figure.subplots(count, squeeze=False)[:, 0])
    for panel in panels:
        for draw, axes in zip(drawings, places):
            draw(axes, panel, span)
            if len(panels) > 1:
                axes.set_title(f"{panel[0].name} band")
    return figure


def gap_pictures(
    maps: Maps, spans: Sequence[Span], key: str, file: str = ""
) -> list[tuple[str, str]]:
    """The knowledge gap of one utterance for a page, panel by panel.

    Arguments
    ---------
    maps : sequence of BandMap
        From `band_maps`.
    spans : sequence of tuple
        The parts to show of each panel, in s: the whole, then close-ups.
    key : str
        Unique; begins every identifier.
    file : str
        What the utterance is called, if anything.

    Returns
    -------
    list of tuple
        Title and `<svg>` of each picture.
    """
    pictures = []
    what = f"Knowledge gap of {file}" if file else "Knowledge gap"
    for panel in panels_of(maps):
        words = "; ".join(map(describe, panel))
        for place, (begin, end) in enumerate(spans):
            where = f"{begin:.2f} to {end:.2f} s"
            figure = knowledge_gap_figure(panel, (begin, end))
            name = f"{key}-gap-{len(pictures)}"
            svg = to_svg(figure, name, f"{what}, {where}. {words}")
            title = f"Close up, {where}" if place else words
            pictures.append((title, svg))
    return pictures
