"""Pictures state facts: axes, colours, and exactly the selected patches.

Authors
 * The dispatch-sb contributors, 2026
"""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import _pylab_helpers
from tiny_run import RATE, voiced

from dispatch_sb import losses
from dispatch_sb.report import spectrograms
from dispatch_sb.report.canvas import system_colour, to_svg
from dispatch_sb.report.charts import (
    Chart,
    charts,
    curves_figure,
    gain_figure,
    score_figure,
)
from dispatch_sb.report.examples import overview_figure
from dispatch_sb.report.gap import (
    BandMap,
    band_maps,
    knowledge_gap,
    knowledge_gap_figure,
    outline,
    widest_gap,
)


def band_of(selected, gap=None, candidate=None):
    """A band with patches of 1 kHz and 8 ms."""
    selected = np.asarray(selected, dtype=float)
    times = (np.arange(len(selected) + 1) - 0.5) * 0.008
    return BandMap(
        "all",
        selected if gap is None else gap,
        selected,
        np.ones_like(selected) > 0 if candidate is None else candidate,
        times,
        np.arange(selected.shape[1] + 1.0),
    )


def maps_of(*parts, **options):
    """The maps of a real loss on something like speech; the student begins
    better than the teacher and ends worse."""
    loss = losses.DistillationLoss(*parts, **options)
    torch.manual_seed(0)
    clean = torch.tensor(voiced(0.6, 150))[None]
    noise = 0.05 * torch.randn_like(clean)
    student = clean + torch.linspace(0, 1, clean.shape[1]) * noise
    signals = student, clean + 0.3 * noise, clean
    return band_maps(loss, loss(*signals, return_detail=True)[1])


def test_spectrogram_puts_a_tone_where_and_a_click_when_it_belongs():
    tone = np.sin(2 * np.pi * 3000 / RATE * np.arange(RATE))
    click = np.zeros(RATE)
    click[63 * 128] = 1.0  # the middle of a frame
    peaks = []
    for signal in (tone, click):
        (axes,) = spectrograms.spectrogram_figure(signal, RATE).axes
        levels = axes.images[0].get_array()
        left, right, bottom, top = axes.images[0].get_extent()
        row, column = np.argmax(levels[:, 60]), np.argmax(levels[10])
        width = (right - left) / levels.shape[1]
        height = (top - bottom) / levels.shape[0]
        peaks.append(
            (bottom + (row + 0.5) * height, left + (column + 0.5) * width)
        )
    assert peaks[0][0] == pytest.approx(3.0)  # kHz
    assert peaks[1][1] == pytest.approx(63 * 128 / RATE)
    assert axes.images[0].origin == "lower"
    assert axes.get_xlim() == (0.0, 1.0) and axes.get_ylim() == (0.0, 8.0)


def test_one_colour_range_for_all_signals():
    signals = [voiced(0.3, 100), 0.01 * voiced(0.3, 100), np.zeros(300)]
    levels = spectrograms.colour_range(signals)
    limits = {
        spectrograms.spectrogram_figure(signal, RATE, levels)
        .axes[0]
        .images[0]
        .get_clim()
        for signal in signals
    }
    assert limits == {levels}
    assert levels[1] >= spectrograms.spectrogram(signals[0]).max()
    assert spectrograms.spectrogram(signals[2]).max() == -120  # silence


def test_outline_encloses_exactly_the_selected_patches():
    selected = np.random.default_rng(3).random((30, 12)) < 0.6
    band = band_of(selected)
    upright = [s for s in outline(band) if s[0, 0] == s[1, 0]]
    centres = (band.times[1:] + band.times[:-1]) / 2
    for patch, low in enumerate(band.edges_khz[:-1]):
        borders = [s[0, 0] for s in upright if s[0, 1] == low]
        crossed = [sum(b < centre for b in borders) for centre in centres]
        assert [count % 2 == 1 for count in crossed] == list(selected[:, patch])


def test_colours_are_symmetric_and_other_patches_are_empty():
    gap = np.array([[-1.0, 0.2], [3.0, 0.0], [5.0, 5.0]])
    candidate = np.array([[True, True], [True, True], [False, False]])
    figure = knowledge_gap_figure([band_of(gap > 0, gap, candidate)])
    mesh = figure.axes[0].collections[-1]
    low, high = mesh.get_clim()
    assert low == -high and 0 < high <= 3.0  # the 5s are no candidates
    assert mesh.get_array().mask.sum() == 2
    (red, _, blue, _), other = mesh.cmap(mesh.norm([high, low]))
    assert red > blue + 0.2 and other[2] > other[0] + 0.2  # the teacher is red


def test_a_second_panel_shows_which_teacher_is_followed():
    """In the teachers' colours, with the shares of those selected."""
    loss = losses.DistillationLoss(losses.MagnitudeL2(), losses.TopGap(0.8))
    torch.manual_seed(0)
    clean = voiced(0.6, 150)
    noise = np.float32(0.05) * torch.randn(len(clean)).numpy()
    half = np.arange(len(clean)) < len(clean) / 2
    signals = {
        **{"noisy": clean + noise, "student": clean + noise, "clean": clean},
        "teacher_1": clean + np.where(half, 0.2, 0.8) * noise,
        "teacher_2": clean + np.where(half, 0.8, 0.2) * noise,
    }
    (band,) = band_maps(loss, knowledge_gap(loss, signals))
    early = band.times[1:] < 0.28
    assert (band.teacher[early] == 0).mean() > 0.9
    assert (band.teacher[band.times[:-1] > 0.32] == 1).mean() > 0.9
    _, whose, _, bar = knowledge_gap_figure([band]).axes
    mesh = whose.collections[-1]
    expected = np.where(band.candidate, band.teacher, -1).T
    assert np.array_equal(np.ma.filled(mesh.get_array(), -1), expected)
    texts = [label.get_text() for label in bar.get_yticklabels()]
    counts = band.followed.values()
    assert sum(counts) == band.selected.sum()
    assert texts == [
        f"teacher {n}\n{100 * count / sum(counts):.0f} %"
        for n, count in enumerate(counts, start=1)
    ]
    for number in (0, 1):
        colour = matplotlib.colors.to_hex(mesh.cmap(mesh.norm(number)))
        assert colour == system_colour(f"teacher_{number + 1}")
    assert len(overview_figure(signals, RATE, [band]).axes) == 5 + 1 + 2 + 2


def test_bands_that_overlap_get_a_panel_each():
    maps = maps_of(losses.DFKD(), losses.TopGap(0.8))
    figure = knowledge_gap_figure(maps)
    for axes, band in zip(figure.axes[::1], maps):
        assert axes.get_title(loc="left") == f"{band.name} band"
        assert band.selected.sum() >= int(0.8 * band.candidate.sum()) > 0
        (patch,) = axes.patches
        assert len(patch.get_path().vertices) == 2 * len(outline(band))


def test_disjoint_bands_share_a_panel():
    host = losses.MagnitudeL2(patch_bins=(10, 40), band_edges_hz=(2000,))
    maps = maps_of(host, losses.TopGap(0.5))
    for shown, top in ((maps, 8.0), (maps[:1], 2.0)):
        figure = knowledge_gap_figure(shown)
        assert len(figure.axes) == 2  # one panel, one colour bar
        assert figure.axes[0].get_ylim()[1] == pytest.approx(top, abs=0.05)


def test_patches_of_several_frames_fill_the_same_time():
    (band,) = maps_of(
        losses.MagnitudeL2(patch_bins=20, patch_frames=4), losses.SoftGap()
    )
    assert band.times[-1] == pytest.approx(0.6, abs=4 * 0.008)
    soft = band.weight[band.candidate]
    assert 0 < band.selected.sum() < len(soft)


def test_close_up_shows_where_the_teacher_is_ahead():
    gap = np.zeros((100, 3))
    gap[60:70], gap[10:20] = 2.0, -9.0
    maps = [band_of(np.ones((100, 3)), gap)]
    span = widest_gap(maps, 0.08)
    assert span == pytest.approx((60 * 0.008 - 0.004, 70 * 0.008 - 0.004))
    assert knowledge_gap_figure(maps, span).axes[0].get_xlim() == span
    assert widest_gap(maps, 0.08, end=0.3)[1] <= 0.31


def test_overview_holds_spectrograms_and_maps():
    signals = {name: voiced(0.6, 150) for name in ("noisy", "clean")}
    figure = overview_figure(
        signals, RATE, maps_of(losses.DFKD(), losses.TopGap(0.8))
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    gaps = [f"knowledge gap, {name} band" for name in ("low", "high")]
    assert [title for title in titles if title] == ["noisy", "clean", *gaps]


def test_charts_show_what_was_logged():
    log = [
        {"epoch": 1, "train": {"loss": 1.0, "selected_share_all": 0.8}},
        {"epoch": 2, "train": {"loss": None, "extra_term": 0.5}, "valid": {}},
        {"epoch": 3, "valid": {"pesq": 2.0, "loss": float("inf")}},
    ]
    found = {chart.name: chart for chart in charts(log)}
    assert list(found) == ["loss", "terms", "share", "pesq"]
    assert found["loss"].curves["training"] == [(1, 1.0)]
    assert np.isnan(found["loss"].curves["validation"][0][1])
    assert found["terms"].curves == {"extra term": [(2, 0.5)]}
    assert "2 at epoch 3" in found["pesq"].alt


def test_curves_leave_gaps_and_start_with_one_point():
    points = [(1, 0.5), (2, float("nan")), (3, 0.25)]
    chart = Chart("share", "T", {"low": points, "high": []})
    (axes,) = curves_figure(chart).axes
    assert np.isnan(axes.lines[0].get_ydata()[1])
    assert axes.yaxis.get_major_formatter()(0.5) == "50 %"
    (axes,) = curves_figure(Chart("loss", "T", {"loss": [(2, 0.5)]})).axes
    low, high = axes.get_xlim()
    assert [t for t in axes.get_xticks() if low <= t <= high] == [2]


def test_score_figure_leaves_out_what_failed():
    scores = {
        "noisy": {"pesq": {"mean": 1.5, "ci95": [1.4, 1.6]}},
        "student": {"pesq": {"mean": None, "ci95": [None, None]}},
        "teacher": {"pesq": {"mean": 2.0, "ci95": [None, None]}},
    }
    (axes,) = score_figure(scores, "pesq").axes
    assert [text.get_text() for text in axes.texts] == ["1.50", "2.00"]
    assert len(axes.lines) == 3  # a dot and an interval, and a dot


def test_gain_figure_orders_files_and_marks_examples():
    gains = {"a": 0.5, "b": -0.25, "c": 0.125}
    (axes,) = gain_figure(gains, {"a": "best", "b": "worst"}).axes
    steps = [patch for patch in axes.patches if hasattr(patch, "get_data")]
    heights = sum(patch.get_data().values for patch in steps)
    assert heights.tolist() == [-0.25, 0.125, 0.5]
    bars = [bar for (bar,) in axes.containers]
    marked = {bar.get_center()[0]: bar.get_height() for bar in bars}
    assert marked == {1.0: -0.25, 3.0: 0.5}


def test_svg_takes_its_colours_from_the_page_and_leaves_no_state():
    before = dict(matplotlib.rcParams)
    chart = Chart("loss", "Loss", {"loss": [(1, 0.5)]})
    svg, same = (
        to_svg(curves_figure(chart), "x1", 'a "quoted" <picture>')
        for _ in range(2)
    )
    assert svg == same
    assert 'aria-label="a &quot;quoted&quot; &lt;picture&gt;"' in svg
    assert "var(--series-1)" in svg and "var(--ink)" in svg
    assert "http" not in svg and "<style" not in svg and "metadata" not in svg
    assert 'id="x1-' in svg and 'id="axes' not in svg
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs
