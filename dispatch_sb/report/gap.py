"""The knowledge gap of one utterance as plain arrays: what a loss has
returned, cut out, measured and outlined.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

SELECTED = 0.5  # a soft rule's weight from which a patch counts as selected


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
    """

    name: str
    gap: np.ndarray
    weight: np.ndarray
    candidate: np.ndarray
    times: np.ndarray
    edges_khz: np.ndarray

    @property
    def selected(self) -> np.ndarray:
        """Whether a patch was selected, bool `[T, P]`."""
        return (self.weight > SELECTED) & self.candidate

    def between(self, begin: float, end: float) -> "BandMap":
        """Cuts out a stretch of time, and one more patch on each side if
        there is one.

        Arguments
        ---------
        begin : float
            Where the stretch begins, in s.
        end : float
            Where it ends, in s.

        Returns
        -------
        BandMap
            The same band with the patches of the stretch alone.
        """
        first = max(int(np.searchsorted(self.times, begin)) - 2, 0)
        last = int(np.searchsorted(self.times, end)) + 1
        return self._replace(
            gap=self.gap[first:last],
            weight=self.weight[first:last],
            candidate=self.candidate[first:last],
            times=self.times[first : last + 1],
        )

    @property
    def top_khz(self) -> float:
        """Upper edge of the highest candidate in kHz."""
        held = np.flatnonzero(self.candidate.any(axis=0))
        return self.edges_khz[held[-1] + 1 if len(held) else -1]


def band_maps(
    detail: Mapping[str, Mapping],
    utterance: int = 0,
    frame_seconds: float = 0.008,
    bands: Sequence[str] | None = None,
    patch_frames: int = 1,
) -> list[BandMap]:
    """Takes one utterance out of a loss' details.

    Arguments
    ---------
    detail : mapping
        The second value of `DistillationLoss(…, return_detail=True)`.
    utterance : int
        Which of the batch.
    frame_seconds : float
        From one frame of the loss to the next, in s.
    bands : sequence of str or None
        Which bands; None takes all.
    patch_frames : int
        Frames of a patch.

    Returns
    -------
    list of BandMap
        In the loss' order.

    Example
    -------
    >>> one = np.ones((1, 3, 2))
    >>> low = dict(gap=one, selected=one, candidate=one > 0)
    >>> low["edges_hz"] = np.array([0, 500, 1000])
    >>> band_maps({"low": low})[0].times.tolist()
    [-0.004, 0.004, 0.012, 0.02]
    """
    return [
        _band_map(name, detail[name], utterance, frame_seconds, patch_frames)
        for name in (detail if bands is None else bands)
    ]


def panels_of(maps: Sequence[BandMap]) -> list[list[BandMap]]:
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
    ranges = sorted(
        (float(band.edges_khz[0]), float(band.edges_khz[-1])) for band in maps
    )
    disjoint = all(
        below[1] <= above[0] + 1e-6
        for below, above in zip(ranges, ranges[1:], strict=False)
    )
    return [list(maps)] if disjoint else [[band] for band in maps]


def gap_limit(maps: Sequence[BandMap]) -> float:
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
    framed = np.pad(band.selected, 1)
    time, patch = np.nonzero(framed[1:, 1:-1] != framed[:-1, 1:-1])
    x, low, high = band.times[time], *_sides(band.edges_khz, patch)
    upright = np.stack([x, low, x, high], axis=-1)
    time, patch = np.nonzero(framed[1:-1, 1:] != framed[1:-1, :-1])
    y, left, right = band.edges_khz[patch], *_sides(band.times, time)
    level = np.stack([left, y, right, y], axis=-1)
    return np.concatenate([upright, level]).reshape(-1, 2, 2)


def widest_gap(
    maps: Sequence[BandMap], seconds: float, end: float | None = None
) -> tuple[float, float]:
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


def _band_map(
    name: str,
    band: Mapping,
    utterance: int,
    frame_seconds: float,
    patch_frames: int,
) -> BandMap:
    """One band of one utterance, on the CPU."""
    gap = _array(band["gap"])[utterance]
    frames = np.arange(len(gap) + 1) * patch_frames
    return BandMap(
        name=name,
        gap=gap,
        weight=_array(band["selected"])[utterance].astype(np.float64),
        candidate=_array(band["candidate"])[utterance].astype(bool),
        times=(frames - 0.5) * frame_seconds,
        edges_khz=_array(band["edges_hz"]) / 1000,
    )


def _sides(edges: np.ndarray, index: np.ndarray) -> tuple:
    """Both edges of the cells of an axis."""
    return edges[index], edges[index + 1]


def _array(values) -> np.ndarray:
    """A tensor, wherever it is, or anything else as a numpy array."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    return np.asarray(values)
