"""Numbers that were measured: the scores of the quick start's run, which
`make_pictures.py` has kept, and what `benchmarks/streaming.py` has printed.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
from pathlib import Path

from dispatch_sb.scoring import format_table

DOCS = Path(__file__).resolve().parents[1]
SCORES = DOCS / "quick_start.json"
STREAMING = DOCS / "streaming.txt"


def scores_reference() -> str:
    """The table that the run has printed.

    Returns
    -------
    str
        Markdown.
    """
    table = format_table(json.loads(SCORES.read_text(encoding="utf-8")))
    return f"```text\n{table.split(chr(10) * 2)[0].rstrip()}\n```"


def streaming_reference() -> str:
    """The output of the benchmark.

    Returns
    -------
    str
        Markdown.
    """
    if not STREAMING.is_file():
        return "*Its output belongs into `docs/streaming.txt`.*"
    return f"```text\n{STREAMING.read_text(encoding='utf-8').rstrip()}\n```"
