"""What a visit found, as HTML: players with their spectrograms, the maps, the
scores. Nothing in it refers to another address.

Authors
 * The dispatch-sb contributors, 2026
"""

import uuid

from dispatch_sb.demo.followed import EXPLANATION
from dispatch_sb.demo.listening import METRICS, Listening
from dispatch_sb.demo.pictures import followed_figure
from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.figures import knowledge_gap_figure
from dispatch_sb.report.gallery import describe, players
from dispatch_sb.report.gap import band_maps, panels_of
from dispatch_sb.report.render import render
from dispatch_sb.scoring.catalogue import CATALOGUE
from dispatch_sb.scoring.pair import is_score


def listening_html(found: Listening, loss) -> str:
    """Everything about one recording.

    Arguments
    ---------
    found : Listening
        From `listen`.
    loss : DistillationLoss
        Whose patches and distances the maps show.

    Returns
    -------
    str
        HTML for a page that has this package's style sheet.
    """
    key = f"ds{uuid.uuid4().hex[:8]}"  # of two visits none shares an id
    speed = {
        name: f"{seconds:.2f} s to compute"
        for name, seconds in found.seconds.items()
    }
    shown = players(found.signals, found.sample_rate, key, speed)
    notes = list(found.notes)
    if shown.gain < 1:
        notes.append(
            f"All players are {shown.gain:.2f} times as loud as the "
            "recording, so that none of them clips."
        )
    scores, reasons = _figures(found.scores)
    return render(
        "demo/listening.html",
        notes=notes,
        players=shown,
        followed=_followed_maps(found, key),
        explanation=EXPLANATION,
        gap=_gap_maps(found, loss, key),
        metrics=[CATALOGUE[metric].label for metric in METRICS],
        scores=scores,
        reasons=reasons,
    )


def _followed_maps(found: Listening, key: str) -> list[tuple[str, str]]:
    """Titles and pictures of where the teacher was followed."""
    if found.followed is None:
        return []
    seconds = len(found.signals["noisy"]) / found.sample_rate
    maps = []
    for number, panel in enumerate(panels_of(found.followed.maps)):
        words = "; ".join(
            _way(band.name, found.followed.shares.get(band.name))
            for band in panel
        )
        figure = followed_figure(panel, seconds)
        alt = f"Where the teacher was followed. {words}"
        svg = to_svg(figure, f"{key}-followed-{number}", alt)
        maps.append((words, svg))
    return maps


def _way(name: str, share: float | None) -> str:
    """How far a band of the student went, in words."""
    band = "" if name == "all" else f"{name.capitalize()} band: "
    if share is None:
        return f"{band}the teacher changed nothing"
    if share < 0:
        return f"{band}further from the teacher than the noisy input"
    return f"{band}{share:.0%} of the way to the teacher".replace("%", " %")


def _gap_maps(found: Listening, loss, key: str) -> list[tuple[str, str]]:
    """Titles and pictures of the knowledge gap against the clean speech, as
    the report draws it."""
    if found.gap is None:
        return []
    frames = loss.host.patch_frames
    bands = band_maps(found.gap, 0, loss.hop / loss.sample_rate, None, frames)
    span = (0.0, len(found.signals["noisy"]) / found.sample_rate)
    maps = []
    for number, panel in enumerate(panels_of(bands)):
        words = "; ".join(describe(band) for band in panel)
        figure = knowledge_gap_figure(
            found.gap,
            loss.sample_rate,
            loss.hop,
            [band.name for band in panel],
            span=span,
            patch_frames=frames,
            fine=True,
        )
        svg = to_svg(figure, f"{key}-gap-{number}", f"Knowledge gap. {words}")
        maps.append((words, svg))
    return maps


def _figures(scores: dict[str, dict]) -> tuple[dict[str, list[str]], list[str]]:
    """The scores of each system as text, and why there are none."""
    rows, reasons = {system: [] for system in scores}, []
    for system, values in scores.items():
        for key in METRICS:
            if is_score(values[key]):
                shown = f"{values[key]:.{CATALOGUE[key].decimals}f}"
            else:
                shown = "–"
                reasons.append(f"{system}, {key}: {values[key]['error']}.")
            rows[system].append(shown)
    return rows, reasons
