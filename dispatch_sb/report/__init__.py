"""A run as one self-contained HTML page, and its pictures on their own.

matplotlib is imported when the first picture is drawn, not before.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.report.canvas import save_png, to_svg
from dispatch_sb.report.examples import overview_figure, save_overview
from dispatch_sb.report.gap import (
    band_maps,
    knowledge_gap,
    knowledge_gap_figure,
)
from dispatch_sb.report.page import build_report
from dispatch_sb.report.spectrograms import colour_range, spectrogram_figure

__all__ = [
    "band_maps",
    "build_report",
    "colour_range",
    "knowledge_gap",
    "knowledge_gap_figure",
    "overview_figure",
    "save_overview",
    "save_png",
    "spectrogram_figure",
    "to_svg",
]
