"""A run in one picture, for example for a README: spectrograms of one
utterance, and its knowledge gap.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from dispatch_sb.report.canvas import new_figure, save_png, styled
from dispatch_sb.report.examples import read_examples
from dispatch_sb.report.gap import (
    BandMap,
    band_maps,
    can_be_mapped,
    draw_followed_teacher,
    draw_knowledge_gap,
    knowledge_gap,
    panels_of,
)
from dispatch_sb.report.spectrograms import colour_range, draw_spectrogram
from dispatch_sb.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def overview_figure(
    signals: Mapping[str, np.ndarray],
    sample_rate: int = 16000,
    maps: Sequence[BandMap] = (),
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
    panels = panels_of(maps) if maps else []
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
    drawn = {"knowledge gap": draw_knowledge_gap}
    drawn |= {"the teacher that is followed": draw_followed_teacher}
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
    test_files: Mapping[str, Mapping] | None = None,
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
    maps = []
    if hasattr(distillation_loss, "host") and can_be_mapped(example.signals):
        detail = knowledge_gap(distillation_loss, example.signals)
        maps = band_maps(distillation_loss, detail)
    figure = overview_figure(example.signals, example.sample_rate, maps)
    return save_png(figure, path)
