"""What a visit found, as HTML: players with their spectrograms, the maps, the
scores. Nothing in it refers to another address.

Authors
 * The dispatch-sb contributors, 2026
"""

import uuid

from dispatch_sb.demo.followed import EXPLANATION
from dispatch_sb.demo.listening import METRICS, Listening
from dispatch_sb.demo.pictures import followed_figure
from dispatch_sb.metrics.catalogue import CATALOGUE
from dispatch_sb.metrics.pair import is_score
from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.examples import common_gain, flac_uri
from dispatch_sb.report.facts import escape
from dispatch_sb.report.figures import knowledge_gap_figure
from dispatch_sb.report.gallery import describe, figure_card
from dispatch_sb.report.gap import band_maps, panels_of
from dispatch_sb.report.spectrograms import (
    colour_bar_figure,
    colour_range,
    spectrogram_figure,
)


def message_html(text: str) -> str:
    """A reason why there is nothing to hear.

    Arguments
    ---------
    text : str
        One sentence.

    Returns
    -------
    str
        HTML that screen readers announce.

    Example
    -------
    >>> message_html("a < b")
    '<div class="ds"><p class="message" role="alert">a &lt; b</p></div>'
    """
    return (
        f'<div class="ds"><p class="message" role="alert">{escape(text)}</p>'
        "</div>"
    )


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
    parts = [
        _players(found, key),
        _followed_part(found, key),
        _gap_part(found, loss, key),
        scores_html(found.scores),
    ]
    return f'<div class="ds">{"".join(parts)}</div>'


def _players(found: Listening, key: str) -> str:
    """A card with spectrogram and player for every signal."""
    levels = colour_range(list(found.signals.values()))
    gain = common_gain(found.signals)
    cards = []
    for name, signal in found.signals.items():
        seconds = len(signal) / found.sample_rate
        alt = f"Spectrogram, {name}, 0 to {seconds:.1f} s"
        figure = spectrogram_figure(signal, found.sample_rate, levels)
        uri = flac_uri(signal * gain, found.sample_rate)
        player = (
            f'<audio controls preload="metadata" src="{uri}" '
            f'aria-label="{name}"></audio>'
        )
        title = f"<b>{name.capitalize()}</b>{_speed(found, name)}"
        picture = to_svg(figure, f"{key}-{name}", alt)
        cards.append(figure_card(title, picture, player))
    alt = f"Colour scale from {levels[0]:.0f} to {levels[1]:.0f} dB"
    bar = to_svg(colour_bar_figure(levels), f"{key}-scale", alt)
    notes = list(found.notes)
    if gain < 1:
        notes.append(
            f"All players are {gain:.2f} times as loud as the recording, so "
            "that none of them clips."
        )
    text = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    columns = "three" if len(cards) == 3 else "two"
    return (
        f'{text}<div class="players {columns}">{"".join(cards)}</div>'
        f'<div class="scale">{bar}</div>'
    )


def _speed(found: Listening, name: str) -> str:
    """How long a network took."""
    if name not in found.seconds:
        return ""
    return f" <small>{found.seconds[name]:.2f} s to compute</small>"


def _followed_part(found: Listening, key: str) -> str:
    """The maps of where the teacher was followed."""
    if found.followed is None:
        return ""
    seconds = len(found.signals["noisy"]) / found.sample_rate
    cards = []
    for number, panel in enumerate(panels_of(found.followed.maps)):
        words = "; ".join(
            _way(band.name, found.followed.shares.get(band.name))
            for band in panel
        )
        figure = followed_figure(panel, seconds)
        alt = f"Where the teacher was followed. {words}"
        svg = to_svg(figure, f"{key}-followed-{number}", alt)
        cards.append(figure_card(escape(words), svg))
    return (
        "<h3>Where the student followed the teacher</h3>"
        f'<p class="note">{escape(EXPLANATION)}</p>'
        f'<div class="pair">{"".join(cards)}</div>'
    )


def _way(name: str, share: float | None) -> str:
    """How far a band of the student went, in words."""
    band = "" if name == "all" else f"{name.capitalize()} band: "
    if share is None:
        return f"{band}the teacher changed nothing"
    if share < 0:
        return f"{band}further from the teacher than the noisy input"
    return f"{band}{share:.0%} of the way to the teacher".replace("%", " %")


def _gap_part(found: Listening, loss, key: str) -> str:
    """The knowledge gap against the clean speech, as the report draws it."""
    if found.gap is None:
        return ""
    frames = loss.host.patch_frames
    maps = band_maps(found.gap, 0, loss.hop / loss.sample_rate, None, frames)
    span = (0.0, len(found.signals["noisy"]) / found.sample_rate)
    cards = []
    for number, panel in enumerate(panels_of(maps)):
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
        cards.append(figure_card(escape(words), svg))
    return (
        "<h3>Where the teacher knows more</h3>"
        '<p class="note">The knowledge gap: red patches are nearer to the '
        "clean speech in the teacher, blue ones in the student; the outlined "
        "ones are those that training would copy, the grey ones it would "
        f'leave.</p><div class="pair">{"".join(cards)}</div>'
    )


def scores_html(scores: dict[str, dict]) -> str:
    """A table of scores, one row per system.

    Arguments
    ---------
    scores : dict
        System to metric to value, or to {"error": reason}.

    Returns
    -------
    str
        A heading and a `<table>`; empty without scores.

    Example
    -------
    >>> "17.06" in scores_html({"noisy": dict(pesq=1, stoi=1, si_sdr=17.06)})
    True
    """
    if not scores:
        return ""
    labels = "".join(f"<th>{CATALOGUE[key].label}</th>" for key in METRICS)
    rows, reasons = [], []
    for system, values in scores.items():
        cells = ""
        for key in METRICS:
            if is_score(values[key]):
                shown = f"{values[key]:.{CATALOGUE[key].decimals}f}"
            else:
                shown = "–"
                reasons.append(f"{system}, {key}: {values[key]['error']}.")
            cells += f"<td>{shown}</td>"
        rows.append(f"<tr><th>{system.capitalize()}</th>{cells}</tr>")
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in reasons)
    return (
        "<h3>Scores against the clean recording</h3>"
        f"<table><thead><tr><th></th>{labels}</tr></thead><tbody>"
        f"{''.join(rows)}</tbody></table>{notes}"
    )
