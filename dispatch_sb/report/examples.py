"""The few test files that a report shows: chosen by rank, so that nobody can
pick the pretty ones; what was heard, what it looks like, and where the teacher
still knows more than the student. And the median one in one picture, for
example for a README.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dispatch_sb.data.audio import probe, read_audio
from dispatch_sb.report import gap
from dispatch_sb.report.canvas import new_figure, save_png, styled
from dispatch_sb.report.numbers import gains, shown
from dispatch_sb.report.players import players
from dispatch_sb.report.spectrograms import colour_range, draw_spectrogram
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring.catalogue import CATALOGUE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE_UP = 0.5  # s
Files = Mapping[str, Mapping]  # of a manifest, by id
METRICS = ("pesq", "estoi", "si_sdr")  # beside an example


@dataclass
class Example:
    """A test file with everything that can be shown of it.

    Arguments
    ---------
    name : str
        Its id in the manifest.
    rank : str
        Why it was chosen: "best", "median", "worst", ….
    signals : dict
        Whole waveforms `[samples]` of those of noisy, student, teachers and
        clean that could be read; all have the same length.
    sample_rate : int
        In Hz.
    missing : list of str
        Sentences about what could not be read or drawn.
    """

    name: str
    rank: str
    signals: dict[str, np.ndarray] = field(default_factory=dict)
    sample_rate: int = 16000
    missing: list[str] = field(default_factory=list)


def choose(gain: Mapping[str, float], count: int = 3) -> dict[str, str]:
    """Chooses files at equal steps of rank, from the best to the worst.

    Arguments
    ---------
    gain : mapping
        Of each file.
    count : int
        How many files; one means the median.

    Returns
    -------
    dict
        The rank of each chosen file in words, best first.

    Example
    -------
    >>> choose({"a": 0.1, "b": 0.5, "c": 0.3, "d": 0.2, "e": 0.4})
    {'b': 'best', 'c': 'median', 'a': 'worst'}
    """
    ranked = sorted(gain, key=lambda name: (-gain[name], name))
    count, last = min(count, len(ranked)), len(ranked) - 1
    places = [step * last // max(count - 1, 1) for step in range(count)]
    if count == 1:
        places = [last // 2]
    words = {last // 2: "median", last: "worst", 0: "best"}
    return {
        ranked[place]: words.get(place, f"{place + 1} of {len(ranked)}")
        for place in places
    }


def choose_files(run: Run, test_files: Files, count: int) -> dict[str, str]:
    """The files to show, by rank of gain; by name where there is none.

    Arguments
    ---------
    run : Run
        The run.
    test_files : mapping
        What the test manifest says, by id.
    count : int
        How many files.

    Returns
    -------
    dict
        Why each file was chosen.
    """
    if gain := gains(run):
        return choose(gain, count)
    return dict.fromkeys(
        sorted(test_files)[:count], "by name, there is no PESQ"
    )


def read_examples(run: Run, test_files: Files, count: int) -> list[Example]:
    """Chooses test files, and reads all versions of each.

    Arguments
    ---------
    run : Run
        Holds the enhanced versions.
    test_files : mapping
        ``noisy_wav`` and ``clean_wav`` by id.
    count : int
        How many files.

    Returns
    -------
    list of Example
        What cannot be read is named in `missing`.
    """
    chosen = choose_files(run, test_files, count)
    return [
        _read(Example(name, rank), test_files.get(name), run.enhanced(name))
        for name, rank in chosen.items()
    ]


def _read(example: Example, entry: Mapping | None, enhanced: dict) -> Example:
    """Fills in what can be read; noisy and clean stand in the manifest."""
    paths, rates, signals = dict(enhanced), {}, {}
    if entry:
        noisy, clean = entry["noisy_wav"], entry["clean_wav"]
        paths = {"noisy": noisy, **enhanced, "clean": clean}
    else:
        example.missing.append("noisy and clean: not in the test manifest")
    for system in paths:
        try:
            rates[system] = probe(paths[system]).sample_rate
            signal = read_audio(paths[system], rates.get("noisy"))
            if not np.isfinite(signal).all():
                raise ValueError(f"{paths[system]} holds NaN or infinity.")
            signals[system] = signal
        except (OSError, ValueError) as error:
            example.missing.append(f"{system}: {error}")
    length = min((len(signal) for signal in signals.values()), default=0)
    example.signals = {k: v[:length] for k, v in signals.items() if length}
    example.sample_rate = next(iter(rates.values()), 16000)
    return example


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
        From `read_examples`.
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
    maps, shown = [], None
    if gap.can_be_mapped(example.signals):
        try:
            maps = _maps(example, loss, key, seconds)
        except ValueError as error:
            example.missing.append(f"No knowledge-gap map: {error}")
    if example.signals:
        rate = example.sample_rate
        end = round(seconds * rate)
        cut = {name: signal[:end] for name, signal in example.signals.items()}
        about = {name: _marks(scores.get(name, {})) for name in cut}
        shown = players(cut, rate, key, about, example.name)
        total = len(next(iter(example.signals.values()))) / rate
        if total > seconds:
            shown["notes"].append(
                f"The first {seconds:.1f} s of {total:.1f} s; the scores are "
                "those of the whole file."
            )
    return {"key": key, "example": example, "players": shown, "maps": maps}


def _maps(example, loss, key, seconds) -> list[tuple[str, str]]:
    """Titles and pictures of the knowledge gap, whole and close up; or a
    ValueError that says why there are none."""
    if not hasattr(loss, "host"):
        raise ValueError("no distillation loss with patches was given.")
    if loss.sample_rate != example.sample_rate:
        raise ValueError(
            f"the loss works at {loss.sample_rate} Hz, this file has "
            f"{example.sample_rate} Hz."
        )
    maps = gap.band_maps(loss, gap.knowledge_gap(loss, example.signals))
    length = len(example.signals["clean"]) / example.sample_rate
    end = min(seconds, length)
    close = gap.widest_gap(maps, min(CLOSE_UP, end), end)
    return gap.gap_pictures(maps, [(0.0, end), close], key, example.name)


def _marks(scores: Mapping[str, Any]) -> str:
    """A file's own scores, in few letters."""
    marks = []
    for key in METRICS:
        if value := shown(scores.get(key)):
            name, _, unit = CATALOGUE[key].label.partition(" (")
            words = f"{name} {value} {unit.rstrip(')')}".rstrip()
            marks.append(words.replace(" ", "\N{NO-BREAK SPACE}"))
    return " · ".join(marks)


@styled
def overview_figure(
    signals: Mapping[str, np.ndarray],
    sample_rate: int = 16000,
    maps: Sequence[gap.BandMap] = (),
) -> "Figure":
    """One utterance in one picture: spectrograms, and the knowledge gap.

    Arguments
    ---------
    signals : mapping
        Waveforms `[samples]` by name, such as noisy, student, teacher and
        clean.
    sample_rate : int
        In Hz.
    maps : sequence of BandMap
        From `band_maps`; none leaves the knowledge gap out.

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
    panels = gap.panels_of(maps) if maps else []
    several = bool(maps) and maps[0].teacher is not None
    figure = new_figure(11.0, 2.4 + 2.7 * (bool(panels) + several))
    rows = figure.subfigures(1 + bool(panels) + several, 1, squeeze=False)
    rows = rows[:, 0]
    levels = colour_range(list(signals.values()))
    top = rows[0].subplots(1, len(signals), squeeze=False, sharey=True)[0]
    for axes, (name, signal) in zip(top, signals.items()):
        image = draw_spectrogram(axes, signal, sample_rate, levels)
        axes.set_title(name.replace("_", " "))
        axes.label_outer()
    rows[0].colorbar(image, ax=list(top), pad=0.01, label="level (dB)")
    drawn = {"knowledge gap": gap.draw_knowledge_gap}
    drawn |= {"the teacher that is followed": gap.draw_followed_teacher}
    for row, (what, draw) in zip(rows[1:], drawn.items()):
        below = row.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(below, panels):
            draw(axes, panel)
            names = " and ".join(band.name for band in panel)
            words = "" if names == "all" else f", {names} band"
            axes.set_title(f"{what}{words}")
    return figure


def save_overview(
    run: Run,
    distillation_loss: torch.nn.Module | None,
    path: str | os.PathLike,
    test_files: Files | None = None,
) -> Path:
    """Writes the spectrograms and the knowledge gap of a run's median file,
    chosen by the same rule as the report's, as one PNG.

    Arguments
    ---------
    run : Run
        A run that was scored, or at least has enhanced the file.
    distillation_loss : DistillationLoss or None
        Draws the knowledge gap; None, or one without patches, leaves it
        out.
    path : str or os.PathLike
        The picture to write.
    test_files : mapping, optional
        What was scored, by id, with ``noisy_wav`` and ``clean_wav`` each; by
        default the run's test files.

    Returns
    -------
    pathlib.Path
        The picture.

    Raises
    ------
    ValueError
        If the manifest is empty, or a signal cannot be read: which and why.
    """
    test_files = run.test_files if test_files is None else test_files
    (example,) = read_examples(run, test_files, 1)
    if not example.signals:
        raise ValueError(f"{example.name}: {' '.join(example.missing)}")
    signals, maps = example.signals, []
    if hasattr(distillation_loss, "host") and gap.can_be_mapped(signals):
        detail = gap.knowledge_gap(distillation_loss, signals)
        maps = gap.band_maps(distillation_loss, detail)
    figure = overview_figure(signals, example.sample_rate, maps)
    return save_png(figure, path)
