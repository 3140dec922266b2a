"""The examples of a report: what was heard, what it looks like, and where the
teacher still knows more than the student.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.examples import Example, common_gain, flac_uri
from dispatch_sb.report.figures import knowledge_gap_figure
from dispatch_sb.report.gap import BandMap, band_maps, panels_of, widest_gap
from dispatch_sb.report.numbers import number
from dispatch_sb.report.spectrograms import (
    colour_bar_figure,
    colour_range,
    spectrogram_figure,
)
from dispatch_sb.scoring.catalogue import CATALOGUE

CLOSE_UP = 0.5  # s
SHOWN = ("pesq", "estoi", "si_sdr")  # metrics beside an example


class Player(NamedTuple):
    """A signal to see and to hear.

    Arguments
    ---------
    name : str
        Such as noisy, student, teacher or clean.
    about : str
        What there is to say of it.
    label : str
        For readers who do not see it.
    picture : str
        Its spectrogram, an `<svg>`.
    sound : str
        A data URI.
    """

    name: str
    about: str
    label: str
    picture: str
    sound: str


class Players(NamedTuple):
    """Signals on one colour scale and of one volume.

    Arguments
    ---------
    cards : list of Player
        One per signal.
    scale : str
        The colour scale, an `<svg>`.
    gain : float
        How much louder than the signals the players are.
    """

    cards: list[Player]
    scale: str
    gain: float


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


def players(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    key: str,
    about: Mapping[str, str],
    file: str = "",
) -> Players:
    """Draws and packs versions of one recording.

    Arguments
    ---------
    signals : mapping
        Waveforms `[samples]` by name.
    sample_rate : int
        In Hz.
    key : str
        Unique; begins every identifier.
    about : mapping
        What there is to say of those signals that it names.
    file : str
        What the recording is called, if anything.

    Returns
    -------
    Players
        For the macro `player` of `parts.html`.
    """
    levels, gain = colour_range(list(signals.values())), common_gain(signals)
    cards = []
    for name, signal in signals.items():
        seconds = len(signal) / sample_rate
        what = f"Spectrogram of {file}" if file else "Spectrogram"
        alt = f"{what}, {name}, 0 to {seconds:.1f} s"
        figure = spectrogram_figure(signal, sample_rate, levels)
        cards.append(
            Player(
                name,
                about.get(name, ""),
                f"{file}, {name}" if file else name,
                to_svg(figure, f"{key}-{name}", alt),
                flac_uri(signal * gain, sample_rate),
            )
        )
    alt = f"Colour scale from {levels[0]:.0f} to {levels[1]:.0f} dB"
    scale = to_svg(colour_bar_figure(levels), f"{key}-scale", alt)
    return Players(cards, scale, gain)


def show_example(
    example: Example,
    scores: Mapping[str, Mapping[str, Any]],
    loss: torch.nn.Module | None,
    key: str,
    seconds: float,
) -> dict[str, Any]:
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
    dict
        For `examples.html`.
    """
    missing, maps, shown, cuts = list(example.missing), [], None, []
    if {"student", "teacher", "clean"} <= set(example.signals):
        try:
            maps = _maps(example, loss, key, seconds)
        except ValueError as error:
            missing.append(f"No knowledge-gap map: {error}")
    if example.signals:
        end = round(seconds * example.sample_rate)
        signals = {name: x[:end] for name, x in example.signals.items()}
        about = {name: _marks(scores.get(name, {})) for name in signals}
        shown = players(signals, example.sample_rate, key, about, example.name)
        cuts = _cuts(example, seconds, shown.gain)
    return {
        "key": key,
        "name": example.name,
        "rank": example.rank,
        "missing": missing,
        "players": shown,
        "cuts": cuts,
        "maps": maps,
    }


def _cuts(example: Example, seconds: float, gain: float) -> list[str]:
    """Says what was done to the audio, if anything was."""
    total = len(example.signals.get("noisy", ())) / example.sample_rate
    cuts = []
    if total > seconds:
        cuts.append(
            f"The first {seconds:.1f} s of {total:.1f} s; the scores are "
            "those of the whole file."
        )
    if gain < 1:
        cuts.append(f"All players are {gain:.2f} times as loud as the files.")
    return cuts


def _maps(example, loss, key, seconds) -> list[tuple[str, str]]:
    """Titles and pictures of the knowledge gap, whole and close up, panel by
    panel."""
    detail = _detail(example, loss)
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
            cards.append((title, svg))
    return cards


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
    return " · ".join(marks)
