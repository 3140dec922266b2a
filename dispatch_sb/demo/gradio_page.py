"""The page itself: Gradio draws the inputs and calls `listen`; it works
without any network.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from dispatch_sb.demo.cards import listening_html
from dispatch_sb.demo.listening import listen
from dispatch_sb.demo.models import Models
from dispatch_sb.demo.recording import LONGEST
from dispatch_sb.demo.sample_recording import Example
from dispatch_sb.enhance.noise_floor import floor_of
from dispatch_sb.report.render import render

if TYPE_CHECKING:
    import gradio

HERE = Path(__file__).parent
HOUR = 3600
PRIVATE = {"api_visibility": "private"}
LARGEST = "200mb"  # of an upload: 60 s of any format fit
# What every computer has: nothing is fetched from anywhere.
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans"]
FONTS += ["DejaVu Sans", "sans-serif"]


def build_page(
    models: Models, example: Example | None = None
) -> "gradio.Blocks":
    """The page, not yet served.

    Arguments
    ---------
    models : Models
        What it lets try.
    example : Example or None
        The recording that a button offers.

    Returns
    -------
    gradio.Blocks
        Its components and what they do.

    Raises
    ------
    ImportError
        If Gradio is not installed.
    """
    try:
        import gradio
    except ImportError as error:
        raise ImportError(
            "The page needs Gradio, which is not installed: "
            'pip install "dispatch-sb[demo]"'
        ) from error
    with gradio.Blocks(
        title="dispatch-sb",
        analytics_enabled=False,
        delete_cache=(HOUR, HOUR),
        fill_width=True,
    ) as page:
        gradio.HTML(header_html(models))
        noisy = _audio(gradio, "Recording", "noisy")
        with gradio.Accordion("Add the clean recording", open=False) as more:
            gradio.HTML(
                render("demo/clean.html", teacher="teacher" in models.networks)
            )
            clean = _audio(gradio, "Clean recording (optional)", "clean")
        keep = _floor_input(gradio, models)
        with gradio.Row():
            go = gradio.Button("Enhance", variant="primary", elem_id="go")
            if example is not None:
                offer = gradio.Button("Example", elem_id="example")
        if example is not None:
            gradio.HTML(render("demo/example.html", example=example))
        inputs = [noisy, clean, keep]
        hear = _hearing(models, inputs, gradio.HTML(elem_id="results"))
        go.click(**hear)
        # What was clean belongs to the recording before.
        noisy.input(lambda: None, outputs=clean, **PRIVATE)
        if example is not None:
            files = [path and str(path) for path in example[:2]]
            opened = example.clean is not None
            offer.click(
                lambda: [*files, gradio.Accordion(open=opened)],
                outputs=[noisy, clean, more],
                **PRIVATE,
            ).then(**hear)
    return page


def header_html(models: Models) -> str:
    """What the page is, and which models it holds.

    Arguments
    ---------
    models : Models
        Student, and perhaps teacher.

    Returns
    -------
    str
        HTML.
    """
    return render(
        "demo/header.html",
        longest=LONGEST,
        teacher="teacher" in models.networks,
        models=[
            (name, _short(source), _size(models.networks[name]))
            for name, source in models.sources.items()
        ],
    )


def _short(source: str) -> str:
    """A folder's last name, a hub id as it is."""
    return Path(source).resolve().name if Path(source).exists() else source


def _size(network: nn.Module) -> str:
    """Parameters, in words."""
    count = sum(p.numel() for p in network.parameters())
    if count >= 1e6:
        return f"{count / 1e6:.1f} million parameters"
    return f"{count / 1e3:.0f} thousand parameters"


def _audio(gradio, label: str, name: str):
    """An input for a file or the microphone, kept as the file it was."""
    return gradio.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label=label,
        elem_id=name,
        buttons=[],
        waveform_options={
            "waveform_color": "#8b95a1",
            "waveform_progress_color": "#0e7c86",
        },
    )


def _floor_input(gradio, models: Models):
    """An input for how much of the noise stays: at first as the student
    recommends, else empty."""
    floor = floor_of(models.networks["student"])
    return gradio.Textbox(  # an empty gradio.Number would be 0
        value=f"{floor.keep:g} dB" if floor.gain else "",
        label="How much of the noise stays",
        placeholder="none of it; -12 dB: a quarter",
        elem_id="keep",
    )


def _hearing(models: Models, inputs: list, results) -> dict:
    """What a button does: listen, and show the results or why there are
    none; one visitor at a time, as the models take all of the processor."""

    def answer(noisy, clean, keep):
        try:
            return listening_html(listen(models, noisy, clean, keep or None))
        except (ValueError, OSError, RuntimeError) as error:
            return render("demo/message.html", text=str(error))

    return {
        "fn": answer,
        "inputs": inputs,
        "outputs": results,
        "concurrency_id": "models",
        "concurrency_limit": 1,
        **PRIVATE,
    }


def serve(
    page: "gradio.Blocks",
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    example: Example | None = None,
) -> str:
    """Starts serving a page in the background.

    Arguments
    ---------
    page : gradio.Blocks
        From `build_page`; its `block_thread` waits for Ctrl+C, its `close`
        ends it.
    host : str
        The address to listen at; the default is heard by this computer alone.
    port : int or None
        None takes the first free one from 7860.
    browser : bool
        Whether to open the page in a browser.
    example : Example or None
        As for `build_page`.

    Returns
    -------
    str
        The page's address.

    Raises
    ------
    OSError
        If the port is taken.
    """
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            enable_monitoring=False,
            max_file_size=LARGEST,
            allowed_paths=[str(path) for path in (example or ())[:2] if path],
            footer_links=[],
            theme=_theme(),
            css=render("demo/style.css"),
            js=(HERE / "page.js").read_text(encoding="utf-8"),
        )
    except OSError as error:
        raise OSError(
            f"The page cannot be served at {host}, port {port or 'any'}: the "
            "address is taken or not this computer's. Give another --port or "
            "--host."
        ) from error
    return address


def _theme() -> "gradio.Theme":
    """The look of the page's inputs, in the report's colours."""
    import gradio

    return gradio.themes.Base(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        radius_size="lg",
        font=FONTS,
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
    ).set(
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
