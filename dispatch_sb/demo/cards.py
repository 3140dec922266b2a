"""What a visit found, as HTML: players with their spectrograms, the maps, the
scores. Nothing in it refers to another address.

Authors
 * The dispatch-sb contributors, 2026
"""

import uuid

from dispatch_sb.demo.followed import followed_figure
from dispatch_sb.demo.listening import METRICS, Listening
from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.gap import gap_pictures, panels_of
from dispatch_sb.report.players import players
from dispatch_sb.report.render import render
from dispatch_sb.scoring.catalogue import CATALOGUE
from dispatch_sb.scoring.pair import is_score


def listening_html(found: Listening) -> str:
    """Everything about one recording.

    Arguments
    ---------
    found : Listening
        From `listen`.

    Returns
    -------
    str
        HTML for a page that has this package's style sheet.
    """
    key = f"ds{uuid.uuid4().hex[:8]}"  # of two visits none shares an id
    end = len(found.signals["noisy"]) / found.sample_rate
    speed = {k: f"{s:.2f} s to compute" for k, s in found.seconds.items()}
    return render(
        "demo/listening.html",
        notes=found.notes,
        players=players(found.signals, found.sample_rate, key, speed),
        followed=_followed_pictures(found, end, key),
        gap=gap_pictures(found.gap, [(0.0, end)], key) if found.gap else [],
        metrics={metric: CATALOGUE[metric] for metric in METRICS},
        scores=found.scores,
        reasons=[
            f"{system}, {metric}: {value['error']}."
            for system, values in found.scores.items()
            for metric, value in values.items()
            if not is_score(value)
        ],
    )


def _followed_pictures(
    found: Listening, end: float, key: str
) -> list[tuple[str, str]]:
    """Titles and pictures of where the teacher was followed."""
    if found.followed is None:
        return []
    maps, shares = found.followed
    pictures = []
    for number, panel in enumerate(panels_of(maps)):
        words = "; ".join(_way(b.name, shares.get(b.name)) for b in panel)
        svg = to_svg(
            followed_figure(panel, end),
            f"{key}-followed-{number}",
            f"Where the teacher was followed. {words}",
        )
        pictures.append((words, svg))
    return pictures


def _way(name: str, share: float | None) -> str:
    """How far a band of the student went, in words."""
    band = "" if name == "all" else f"{name.capitalize()} band: "
    if share is None:
        return f"{band}the teacher changed nothing"
    if share < 0:
        return f"{band}further from the teacher than the noisy input"
    return f"{band}{100 * share:.0f} % of the way to the teacher"
