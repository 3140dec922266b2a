#!/usr/bin/env python3
"""Draws the pictures of `method.md` from a finished run, and keeps the run's
scores for the pages: `python docs/make_pictures.py RUN_FOLDER`.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dispatch_sb.losses import PositiveGap, SoftGap, TopGap
from dispatch_sb.losses.bands import split_bins
from dispatch_sb.losses.spectra import to_spectrum
from dispatch_sb.report.canvas import new_figure, save_png, styled
from dispatch_sb.report.charts import charts, curves_figure
from dispatch_sb.report.examples import read_examples
from dispatch_sb.report.gap import (
    BandMap,
    band_maps,
    draw_knowledge_gap,
    knowledge_gap,
    widest_gap,
)
from dispatch_sb.report.spectrograms import colour_range, draw_spectrogram
from dispatch_sb.runs.run import Run

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
CLOSE_UP = 0.6  # s
BIN_KHZ = 0.03125  # between two bins of the loss' spectrum
BORDER = "#5ef0ff"
RULES = {
    "top gap, k = 0.8": TopGap(0.8),
    "top gap, k = 0.4": TopGap(0.4),
    "positive gap": PositiveGap(),
    "soft gap": SoftGap(),
}
CURVES = ("loss", "gap", "pesq")


@styled
def spectrograms_picture(signals: dict, span: tuple[float, float]):
    """What was heard and what both networks make of it, close up.

    Arguments
    ---------
    signals : dict
        Waveforms `[samples]` at 16 kHz by name.
    span : tuple of float
        The part that the other pictures show, in s; framed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(9.0, 4.6)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    levels = colour_range(list(signals.values()))
    for axes, (name, signal) in zip(panels, signals.items()):
        image = draw_spectrogram(axes, signal, 16000, levels)
        axes.set_title(name)
        axes.label_outer()
        for edge in span:
            axes.axvline(edge, color="white", linewidth=0.9, linestyle=":")
    figure.colorbar(image, ax=list(panels), pad=0.01, label="level (dB)")
    return figure


@styled
def gap_picture(bands: list[BandMap], span: tuple[float, float]):
    """The score of every patch, and which ones are copied, band by band.

    Arguments
    ---------
    bands : list of BandMap
        Low and high band.
    span : tuple of float
        What to show, in s.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(9.0, 3.2)
    for axes, band in zip(figure.subplots(1, len(bands)), bands):
        draw_knowledge_gap(axes, [band], span)
        axes.set_title(f"{band.name} band")
    return figure


@styled
def rules_picture(band: BandMap, span: tuple[float, float]):
    """The same scores under every selection rule.

    Arguments
    ---------
    band : BandMap
        The high band.
    span : tuple of float
        What to show, in s.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(9.0, 5.2)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    gap, candidate = (
        torch.as_tensor(plane)[None] for plane in (band.gap, band.candidate)
    )
    for axes, (name, rule) in zip(panels, RULES.items()):
        weight = rule(gap, candidate)[0].numpy()
        draw_knowledge_gap(axes, [band._replace(weight=weight)], span)
        axes.set_title(name)
        axes.label_outer()
    return figure


@styled
def bands_picture(teacher: np.ndarray, span: tuple[float, float]):
    """Where DFKD's border runs, and a fixed border, with the patches.

    Arguments
    ---------
    teacher : np.ndarray
        The teacher's waveform `[samples]`.
    span : tuple of float
        What to show, in s.

    Returns
    -------
    matplotlib.figure.Figure
    """
    waveform = torch.as_tensor(teacher, dtype=torch.float32)[None]
    magnitude = to_spectrum(waveform, None, 512, 128).magnitude
    moving = (split_bins(magnitude)[0].numpy() + 0.5) * BIN_KHZ
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    left.set_title("border that follows the teacher")
    right.set_title("border at 2 kHz")
    fixed = np.full(len(moving), 2.0)
    for axes, border, top in ((left, moving, 2.8), (right, fixed, 8.0)):
        draw_spectrogram(axes, teacher, 16000)
        times = np.arange(len(border)) * 0.008
        axes.step(times, border, where="mid", color=BORDER, linewidth=2.0)
        axes.set_xlim(*span)
        axes.set_ylim(0, top)
    width, begin = 0.11, span[0]
    height = moving[round((begin + 0.1) / 0.008)]
    # The patches over ten frames each, so that they can be seen.
    _draw_patches(left, (begin + 0.02, width), 10, 0.0, height, 2.8)
    _draw_patches(left, (begin + 0.3, width), 40, 0.0, 8.0, 2.8)
    _draw_patches(right, (begin + 0.02, width), 10, 0.0, 2.0, 8.0)
    _draw_patches(right, (begin + 0.3, width), 40, 2.0, 8.0, 8.0)
    return figure


def _draw_patches(axes, place, size, low, high, top) -> None:
    """A column of patches of `size` bins that reach into low to high (kHz)."""
    begin, width = place
    edges = np.arange(low, high + size * BIN_KHZ, size * BIN_KHZ)
    lower, upper = edges[:-1], edges[1:].clip(max=8.0)
    axes.bar(
        np.full(len(lower), begin),
        upper - lower,
        width,
        lower,
        align="edge",
        fill=False,
        edgecolor="white",
        linewidth=1.2,
    )
    axes.annotate(
        f"{size} bins",
        (begin + width / 2, min(edges[-1], 0.97 * top)),
        xytext=(0, 4 if edges[-1] < top else -14),
        textcoords="offset points",
        ha="center",
        color="white",
    )


def save(figure, name: str) -> None:
    """Writes a picture with a palette of 256 colours: a third of the size.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        The picture.
    name : str
        Of its file, without the ending.
    """
    path = save_png(figure, IMAGES / f"{name}.png", dpi=130)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main() -> None:
    """Reads the run, draws everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run_folder", help="output_folder of a training")
    run = Run.open(parser.parse_args().run_folder)
    (example,) = read_examples(run, run.test_files, 1)
    loss = run.distillation_loss()
    low, high = band_maps(loss, knowledge_gap(loss, example.signals))
    span = widest_gap([low, high], CLOSE_UP)
    save(spectrograms_picture(example.signals, span), "method_spectrograms")
    save(gap_picture([low, high], span), "method_gap")
    save(rules_picture(high, span), "method_rules")
    save(bands_picture(example.signals["teacher"], span), "method_bands")
    for chart in charts(run.epochs):
        if chart.name in CURVES:
            save(curves_figure(chart), f"training_{chart.name}")
    shutil.copyfile(run.folder / "scores.json", DOCS / "quick_start.json")


if __name__ == "__main__":
    main()
