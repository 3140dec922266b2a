"""The examples of a report as HTML: what was heard, what it looks like, and
where the teacher still knows more than the student.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from dispatch_sb.metrics.catalogue import CATALOGUE
from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.examples import Example, common_gain, flac_uri
from dispatch_sb.report.facts import escape
from dispatch_sb.report.figures import knowledge_gap_figure
from dispatch_sb.report.gap import BandMap, band_maps, panels_of, widest_gap
from dispatch_sb.report.run import number
from dispatch_sb.report.spectrograms import (
    colour_bar_figure,
    colour_range,
    spectrogram_figure,
)

CLOSE_UP = 0.5  # s
SHOWN = ("pesq", "estoi", "si_sdr")  # metrics beside an example


def knowledge_gap(
    loss: torch.nn.Module, signals: Mapping[str, np.ndarray]
) -> dict[str, dict[str, torch.Tensor]]:
    """Asks a loss about one utterance.

    Arguments
    ---------
    loss : DistillationLoss
        Whatever the run was trained with; stays on its device.
    signals : mapping
        Waveforms `[samples]` of student, teacher and clean.

    Returns
    -------
    dict
        The loss' details of a batch of one.
    """
    device = next(
        (t.device for t in [*loss.parameters(), *loss.buffers()]), "cpu"
    )
    waveforms = (
        torch.as_tensor(signals[name], dtype=torch.float32, device=device)[None]
        for name in ("student", "teacher", "clean")
    )
    with torch.no_grad():
        _, detail = loss(*waveforms, return_detail=True)
    return detail


def figure_card(title: str, picture: str, below: str = "") -> str:
    """A picture with its title, as HTML.

    Arguments
    ---------
    title : str
        HTML.
    picture : str
        An `<svg>`.
    below : str
        HTML that follows the picture.

    Returns
    -------
    str
        A `<figure>`.
    """
    caption = f"<figcaption>{title}</figcaption>" if title else ""
    return f"<figure>{caption}{picture}{below}</figure>"


def example_section(
    example: Example,
    scores: Mapping[str, Mapping[str, Any]],
    loss: torch.nn.Module | None,
    key: str,
    seconds: float,
) -> str:
    """Everything about one test file.

    Arguments
    ---------
    example : Example
        From `read_example`.
    scores : mapping
        The file's scores, as in scores.json.
    loss : DistillationLoss or None
        Draws the knowledge gap; None leaves it out.
    key : str
        Unique; begins every identifier.
    seconds : float
        How much of the file to show and to play.

    Returns
    -------
    str
        An `<article>`.
    """
    missing = list(example.missing)
    gap = _gap_part(example, loss, key, seconds, missing)
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in missing)
    return (
        f'<article id="{key}"><h3><span class="rank">{escape(example.rank)}'
        f"</span> {escape(example.name)}</h3>{notes}"
        f"{_listening_part(example, scores, key, seconds)}{gap}</article>"
    )


def _listening_part(example, scores, key, seconds) -> str:
    """Spectrograms and players of everything that could be read."""
    if not example.signals:
        return ""
    end = round(seconds * example.sample_rate)
    signals = {name: x[:end] for name, x in example.signals.items()}
    levels = colour_range(list(signals.values()))
    gain = common_gain(signals)
    cards = []
    for name, signal in signals.items():
        alt = (
            f"Spectrogram of {example.name}, {name}, "
            f"0 to {len(signal) / example.sample_rate:.1f} s"
        )
        figure = spectrogram_figure(signal, example.sample_rate, levels)
        uri = flac_uri(signal * gain, example.sample_rate)
        player = (
            f'<audio controls preload="metadata" src="{uri}" '
            f'aria-label="{escape(example.name)}, {name}"></audio>'
        )
        svg = to_svg(figure, f"{key}-{name}", alt)
        title = f"<b>{name.capitalize()}</b> {_marks(scores.get(name, {}))}"
        cards.append(figure_card(title, svg, player))
    alt = f"Colour scale from {levels[0]:.0f} to {levels[1]:.0f} dB"
    bar = to_svg(colour_bar_figure(levels), f"{key}-scale", alt)
    return (
        f'<div class="pair">{"".join(cards)}</div>'
        f'<div class="scale">{bar}</div>{_cut_note(example, seconds, gain)}'
    )


def _cut_note(example: Example, seconds: float, gain: float) -> str:
    """Says what was done to the audio, if anything was."""
    total = len(example.signals["noisy"]) if "noisy" in example.signals else 0
    total = total / example.sample_rate
    notes = []
    if total > seconds:
        notes.append(
            f"The first {seconds:.1f} s of {total:.1f} s; the scores are "
            "those of the whole file."
        )
    if gain < 1:
        notes.append(f"All players are {gain:.2f} times as loud as the files.")
    return f'<p class="note">{" ".join(notes)}</p>' if notes else ""


def _gap_part(example, loss, key, seconds, missing: list[str]) -> str:
    """The knowledge gap map, whole and close up, panel by panel."""
    if not {"student", "teacher", "clean"} <= set(example.signals):
        return ""
    try:
        detail = _detail(example, loss)
    except ValueError as error:
        missing.append(f"No knowledge-gap map: {error}")
        return ""
    frames = loss.host.patch_frames
    maps = band_maps(detail, 0, loss.hop / loss.sample_rate, None, frames)
    length = len(example.signals["clean"]) / example.sample_rate
    shown = (0.0, min(seconds, length))
    close = widest_gap(maps, min(CLOSE_UP, shown[1]), shown[1])
    cards = []
    for panel in panels_of(maps):
        words = "; ".join(describe(band) for band in panel)
        for span, fine in ((shown, True), (close, False)):
            figure = knowledge_gap_figure(
                detail,
                loss.sample_rate,
                loss.hop,
                [band.name for band in panel],
                span=span,
                patch_frames=frames,
                fine=fine,
            )
            where = f"{span[0]:.2f} to {span[1]:.2f} s"
            alt = f"Knowledge gap of {example.name}, {where}. {words}"
            svg = to_svg(figure, f"{key}-gap-{len(cards)}", alt)
            title = words if fine else f"Close up, {where}"
            cards.append(figure_card(escape(title), svg))
    return (
        "<h4>Where the teacher still knows more</h4>"
        f'<div class="pair">{"".join(cards)}</div>'
    )


def _detail(example: Example, loss: torch.nn.Module | None) -> dict:
    """The loss' details, or a ValueError that says why there are none."""
    if not hasattr(loss, "host"):
        raise ValueError("no distillation loss with patches was given.")
    if loss.sample_rate != example.sample_rate:
        raise ValueError(
            f"the loss works at {loss.sample_rate} Hz, this file has "
            f"{example.sample_rate} Hz."
        )
    return knowledge_gap(loss, example.signals)


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
    return (
        f"{name}patches of {height:.0f} Hz × {width:.0f} ms, "
        f"{share:.0f} % {verdict}"
    )


def _marks(scores: Mapping[str, Any]) -> str:
    """A file's own scores, in few letters."""
    marks = []
    for key in SHOWN:
        name, _, unit = CATALOGUE[key].label.partition(" (")
        value = number(scores.get(key))
        if not np.isnan(value):
            words = f"{name} {value:.2f} {unit.rstrip(')')}".rstrip()
            marks.append(words.replace(" ", "\N{NO-BREAK SPACE}"))
    return f"<small>{escape(' · '.join(marks))}</small>"
