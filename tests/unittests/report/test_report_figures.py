"""Pictures state facts: axes, colours, and exactly the selected patches.

Authors
 * The dispatch-sb contributors, 2026
"""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import _pylab_helpers
from PIL import Image
from tiny_run import RATE, voiced

from dispatch_sb.losses import (
    DFKD,
    DistillationLoss,
    MagnitudeL2,
    SoftGap,
    TopGap,
)
from dispatch_sb.report import (
    colour_range,
    curves_figure,
    gain_figure,
    knowledge_gap_figure,
    overview_figure,
    save_png,
    score_figure,
    spectrogram_figure,
    to_svg,
)
from dispatch_sb.report.gap import band_maps, outline, widest_gap
from dispatch_sb.report.spectrograms import spectrogram


def detail_of(selected, gap=None, candidate=None, name="all"):
    """Details of a loss with one utterance and one band, patches of 1 kHz."""
    selected = np.asarray(selected, dtype=float)
    return {
        name: {
            "gap": torch.tensor(selected if gap is None else gap)[None],
            "selected": torch.tensor(selected)[None],
            "candidate": torch.ones(1, *selected.shape, dtype=torch.bool)
            if candidate is None
            else torch.tensor(candidate)[None],
            "edges_hz": torch.arange(selected.shape[1] + 1) * 1000.0,
        }
    }


def real_detail(loss, seconds=0.6):
    """Details of a real loss on something like speech; the student begins
    better than the teacher and ends worse."""
    torch.manual_seed(0)
    clean = torch.tensor(voiced(seconds, 150))[None]
    noise = 0.05 * torch.randn_like(clean)
    fade = torch.linspace(0, 1, clean.shape[1])
    _, detail = loss(
        clean + fade * noise, clean + 0.3 * noise, clean, return_detail=True
    )
    return detail


def outline_path(figure, axes=0):
    """The path that was drawn around the selected patches."""
    (patch,) = (
        p
        for p in figure.axes[axes].patches
        if (p.get_gid() or "").startswith("selected")
    )
    return patch.get_path()


def test_spectrogram_puts_a_tone_where_it_belongs():
    tone = np.sin(2 * np.pi * 3000 / RATE * np.arange(RATE))
    figure = spectrogram_figure(tone, RATE)
    (axes,) = figure.axes
    (image,) = axes.images
    assert image.origin == "lower"
    left, right, bottom, top = image.get_extent()
    rows = image.get_array().shape[0]
    row = int(np.argmax(image.get_array()[:, 60]))
    assert bottom + (row + 0.5) * (top - bottom) / rows == pytest.approx(3.0)
    assert axes.get_xlabel() == "time (s)"
    assert axes.get_ylabel() == "frequency (kHz)"
    assert axes.get_xlim() == (0.0, 1.0) and axes.get_ylim() == (0.0, 8.0)


def test_spectrogram_puts_a_click_when_it_happens():
    click = np.zeros(RATE)
    click[63 * 128] = 1.0  # the middle of a frame
    figure = spectrogram_figure(click, RATE)
    (image,) = figure.axes[0].images
    left, right, _, _ = image.get_extent()
    columns = image.get_array().shape[1]
    column = int(np.argmax(image.get_array()[10]))
    when = left + (column + 0.5) * (right - left) / columns
    assert when == pytest.approx(63 * 128 / RATE)


def test_one_colour_range_for_all_signals():
    signals = [voiced(0.3, 100), 0.01 * voiced(0.3, 100)]
    levels = colour_range(signals)
    limits = {
        spectrogram_figure(signal, RATE, levels).axes[0].images[0].get_clim()
        for signal in signals
    }
    assert limits == {levels}
    assert levels[1] >= max(spectrogram(s).max() for s in signals)


def test_silence_and_short_signals_can_be_drawn():
    assert spectrogram(np.zeros(300)).max() == -120
    to_svg(spectrogram_figure(np.zeros(300), RATE), "short", "silence")


def test_every_lonely_selected_patch_gets_four_sides():
    selected = np.zeros((9, 7))
    selected[1::3, 1::2] = 1
    figure = knowledge_gap_figure(detail_of(selected))
    assert len(outline_path(figure).vertices) == 2 * 4 * selected.sum()


def test_outline_encloses_exactly_the_selected_patches():
    generator = np.random.default_rng(3)
    selected = generator.random((30, 12)) < 0.6
    band = band_maps(detail_of(selected))[0]
    upright = [s for s in outline(band) if s[0, 0] == s[1, 0]]
    centres = (band.times[1:] + band.times[:-1]) / 2
    for patch in range(12):
        low = band.edges_khz[patch]
        borders = [s[0, 0] for s in upright if s[0, 1] == low]
        crossed = [sum(b < centre for b in borders) for centre in centres]
        assert [count % 2 == 1 for count in crossed] == list(selected[:, patch])


def test_colours_are_symmetric_and_other_patches_are_empty():
    gap = np.array([[-1.0, 0.2], [3.0, 0.0], [5.0, 5.0]])
    candidate = np.array([[True, True], [True, True], [False, False]])
    figure = knowledge_gap_figure(detail_of(gap > 0, gap, candidate))
    mesh = figure.axes[0].collections[-1]
    low, high = mesh.get_clim()
    assert low == -high and 0 < high <= 3.0  # the 5s are no candidates
    assert mesh.get_array().mask.sum() == 2
    assert figure.axes[1].get_ylabel() == "knowledge gap"


def test_pixels_are_red_where_the_teacher_is_better(tmp_path):
    gap = np.array([[1.0], [-1.0]]).repeat(20, axis=0)
    figure = knowledge_gap_figure(detail_of(np.ones((40, 1)), gap))
    image = Image.open(save_png(figure, tmp_path / "gap.png", dpi=72))
    axes = figure.axes[0].get_window_extent()
    middle = int(image.height - (axes.y0 + axes.y1) / 2)
    quarter = (axes.x1 - axes.x0) / 4
    pixels = image.convert("RGB")
    red, _, blue = pixels.getpixel((int(axes.x0 + quarter), middle))
    assert red > blue + 60
    red, _, blue = pixels.getpixel((int(axes.x0 + 3 * quarter), middle))
    assert blue > red + 60


def test_bands_that_overlap_get_a_panel_each():
    detail = real_detail(DistillationLoss(DFKD(), TopGap(0.8)))
    figure = knowledge_gap_figure(detail)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles.count("low band") == titles.count("high band") == 1
    for place, band in enumerate(band_maps(detail)):
        quota = int(0.8 * band.candidate.sum())
        assert band.selected.sum() >= quota > 0
        path = outline_path(figure, 2 * place)
        assert len(path.vertices) == 2 * len(outline(band))


def test_disjoint_bands_share_a_panel():
    host = MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,))
    detail = real_detail(DistillationLoss(host, TopGap(0.5)))
    figure = knowledge_gap_figure(detail)
    assert len(figure.axes) == 2  # one panel, one colour bar
    assert figure.axes[0].get_ylim()[1] == pytest.approx(8.0, abs=0.05)
    only = knowledge_gap_figure(detail, bands=["low"])
    assert only.axes[0].get_ylim()[1] == pytest.approx(2.0, abs=0.05)


def test_patches_of_several_frames_fill_the_same_time():
    host = MagnitudeL2(patch_bins=20, patch_frames=4)
    detail = real_detail(DistillationLoss(host, SoftGap()))
    (band,) = band_maps(detail, patch_frames=4)
    assert band.times[-1] == pytest.approx(0.6, abs=4 * 0.008)
    soft = band.weight[band.candidate]
    assert 0 < band.selected.sum() < len(soft)
    assert (soft[soft > 0.5] <= 1).all()


def test_close_up_shows_where_the_teacher_is_ahead():
    gap = np.zeros((100, 3))
    gap[60:70] = 2.0
    gap[10:20] = -9.0
    band = band_maps(detail_of(np.ones((100, 3)), gap))
    begin, end = widest_gap(band, 0.08)
    assert begin == pytest.approx(60 * 0.008 - 0.004)
    assert end - begin == pytest.approx(0.08)
    figure = knowledge_gap_figure(detail_of(gap > 0, gap), span=(begin, end))
    assert figure.axes[0].get_xlim() == (begin, end)
    begin, end = widest_gap(band, 0.08, end=0.3)
    assert end <= 0.31


def test_overview_holds_spectrograms_and_maps():
    signals = {name: voiced(0.6, 150) for name in ("noisy", "clean")}
    detail = real_detail(DistillationLoss(DFKD(), TopGap(0.8)))
    titles = [
        axes.get_title(loc="left")
        for axes in overview_figure(signals, RATE, detail).axes
    ]
    assert [title for title in titles if title] == [
        "noisy",
        "clean",
        "knowledge gap, low band",
        "knowledge gap, high band",
    ]


def test_curves_leave_gaps_and_start_with_one_point():
    nan = float("nan")
    points = [(1, 0.5), (2, nan), (3, 0.25)]
    figure = curves_figure({"low": points, "high": []}, "T", percent=True)
    axes = figure.axes[0]
    assert np.isnan(axes.lines[0].get_ydata()[1])
    assert axes.get_ylim() == (0, 1.02)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "50 %" in labels or "40 %" in labels
    lonely = curves_figure({"loss": [(2, 0.5)]}, "T")
    lonely.draw_without_rendering()
    low, high = lonely.axes[0].get_xlim()
    ticks = [t for t in lonely.axes[0].get_xticks() if low <= t <= high]
    assert ticks == [2]


def test_score_figure_leaves_out_what_failed():
    scores = {
        "noisy": {"pesq": {"mean": 1.5, "ci95": [1.4, 1.6]}},
        "student": {"pesq": {"mean": None, "ci95": [None, None]}},
        "teacher": {"pesq": {"mean": 2.0, "ci95": [None, None]}},
    }
    axes = score_figure(scores, "pesq", "PESQ").axes[0]
    assert [text.get_text() for text in axes.texts] == ["1.50", "2.00"]
    assert len(axes.lines) == 3  # a dot and an interval, and a dot


def test_gain_figure_orders_files_and_marks_examples():
    gains = {"a": 0.5, "b": -0.25, "c": 0.125}
    figure = gain_figure(gains, {"a": "best", "b": "worst"}, "PESQ gain")
    axes = figure.axes[0]
    steps = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    heights = sum(patch.get_data().values for patch in steps)
    assert heights.tolist() == [-0.25, 0.125, 0.5]
    bars = {bar.get_x() + bar.get_width() / 2: bar for bar in axes.patches[2:]}
    assert {x: bar.get_height() for x, bar in bars.items()} == {
        1.0: -0.25,
        3.0: 0.5,
    }
    assert "3 test files" in axes.get_xlabel()


def test_svg_takes_its_colours_from_the_page():
    figure = curves_figure({"loss": [(1, 0.5), (2, 0.25)]}, "Loss")
    svg = to_svg(figure, "x1", 'a "quoted" <picture>')
    assert 'aria-label="a &quot;quoted&quot; &lt;picture&gt;"' in svg
    assert "var(--series-1)" in svg and "var(--ink)" in svg
    assert "http" not in svg and "<style" not in svg and "metadata" not in svg
    assert 'id="x1-' in svg and 'id="axes' not in svg
    assert svg.endswith("</svg>")


def test_no_global_state_is_left_behind():
    before = dict(matplotlib.rcParams)
    to_svg(spectrogram_figure(voiced(0.1, 100), RATE), "a", "b")
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs
