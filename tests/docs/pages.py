"""The pages of the docs, taken apart into blocks that can be run.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```\s*$", re.M | re.S
)


@dataclass
class Block:
    """A fenced block of a page.

    Arguments
    ---------
    language : str
        What stands behind the fence.
    text : str
        Its content.
    where : str
        Page and line, for messages.
    """

    language: str
    text: str
    where: str


def pages():
    """All pages that a person wrote, sorted."""
    return sorted(DOCS.glob("*.md"))


def blocks_of(page):
    """All blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            match["text"],
            f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}",
        )
        for match in BLOCK.finditer(text)
    ]


def command_lines(text):
    """The lines of a shell block: in one line and single spaces, and as they
    are written."""
    written = re.findall(r"(?:.*\\\n)*.+\n?", text)
    return {" ".join(x.replace("\\\n", " ").split()): x for x in written}
