"""`dispatch-sb demo`: a local page to try a student on.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described


def _demo(host: str, port: int | None, no_browser: bool, **names) -> str:
    if port is not None and port not in range(1, 1 << 16):
        raise ValueError(f"no port is {port}: give 1 to 65535.")
    from dispatch_sb.demo.gradio_page import build_page, serve
    from dispatch_sb.demo.models import open_models
    from dispatch_sb.demo.sample_recording import find_example

    models = open_models(**names)
    example = find_example(*models.sources.values())
    page = build_page(models, example)
    address = serve(page, host, port, not no_browser, example)
    print(f"The page is at {address} (Ctrl+C ends it).", flush=True)
    page.block_thread()
    return "The page is closed."


COMMAND = described("demo", _demo)
