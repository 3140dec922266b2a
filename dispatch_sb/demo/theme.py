"""The look of the page's inputs: the report's colours, fonts that every
computer has.

Authors
 * The dispatch-sb contributors, 2026
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio

FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans"]
FONTS += ["DejaVu Sans", "sans-serif"]
LIGHT = ("#eef6f6", "#d5eaeb", "#a9d5d8", "#7dbfc4", "#4fb7c0")  # 50 to 400
DARK = ("#0e7c86", "#0b6a73", "#09575e", "#07454b", "#053338", "#032225")


def calm_theme() -> "gradio.Theme":
    """The theme; nothing of it is fetched from anywhere.

    Returns
    -------
    gradio.Theme
        For `gradio.Blocks.launch`.
    """
    import gradio

    teal = gradio.themes.Color(*LIGHT, *DARK)
    theme = gradio.themes.Base(
        primary_hue=teal,
        secondary_hue=teal,
        neutral_hue="slate",
        radius_size="lg",
        font=FONTS,
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    )
    return theme.set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#14181d",
        block_background_fill_dark="#1b2027",
        block_border_color_dark="#333b45",
        button_primary_background_fill="#0b6a73",
        button_primary_background_fill_hover="#0e7c86",
        button_primary_background_fill_dark="#0b6a73",
        button_primary_background_fill_hover_dark="#0e7c86",
        button_primary_text_color="white",
    )
