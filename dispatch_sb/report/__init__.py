"""A run as one self-contained HTML page, and its pictures on their own.

matplotlib is imported when the first picture is drawn, not before.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.report.canvas import save_png, to_svg
from dispatch_sb.report.charts import curves_figure, gain_figure, score_figure
from dispatch_sb.report.figures import knowledge_gap_figure, overview_figure
from dispatch_sb.report.gallery import knowledge_gap
from dispatch_sb.report.overview import save_overview
from dispatch_sb.report.page import build_report
from dispatch_sb.report.spectrograms import (
    colour_bar_figure,
    colour_range,
    spectrogram_figure,
)

__all__ = [
    "build_report",
    "colour_bar_figure",
    "colour_range",
    "curves_figure",
    "gain_figure",
    "knowledge_gap",
    "knowledge_gap_figure",
    "overview_figure",
    "save_overview",
    "save_png",
    "score_figure",
    "spectrogram_figure",
    "to_svg",
]
