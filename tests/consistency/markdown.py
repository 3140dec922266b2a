"""Takes READMEs apart: links, named files, code blocks, commands.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from project import ROOT

FENCE = re.compile(
    r"^( *)```(\w*)[^\n]*\n(.*?)^\1```\s*$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(
    r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\""
)
NAMED_FILE = re.compile(
    r"^[\w./-]+\.(?:py|ya?ml|md|json|jsonl|csv|txt|wav|html|ckpt|toml|png|svg)$"
)
SHELLS = {"", "bash", "sh", "shell", "console"}
SEPARATORS = {"&&", "||", ";", "|"}


@dataclass
class Command:
    """One command of a README: its words, and the folder it is typed in."""

    words: list
    folder: Path
    where: str = field(default="")


def blocks(text, *languages):
    """Contents of the fenced blocks in some languages."""
    return [body for _, name, body in FENCE.findall(text) if name in languages]


def prose(text):
    """A README without its fenced blocks."""
    return FENCE.sub("", text)


def links(text):
    """Targets of all links and pictures outside of code."""
    plain = re.sub(r"`[^`\n]*`", "", prose(text))
    return [first or second for first, second in LINK.findall(plain)]


def named_files(text):
    """Files whose names stand in backticks."""
    spans = re.findall(r"`([^`\n]+)`", prose(text))
    return [span for span in spans if NAMED_FILE.match(span)]


def anchors(text):
    """What the headings of a README can be linked to as."""
    heads = re.findall(r"^#+ +(.+?)\s*$", prose(text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in plain}


def commands(readme):
    """All commands of a README, in its shell blocks and in backticks. The
    shell of a page of the docs stays in its folder from block to block."""
    text = readme.read_text(encoding="utf-8")
    stays = readme.parent == ROOT / "docs"
    found, folder = [], ROOT
    for block in blocks(text, *SHELLS):
        folder = folder if stays else ROOT
        for line in block.replace("\\\n", " ").splitlines():
            for words in split(line):
                if words[0] == "cd" and len(words) > 1:
                    folder = (folder / words[1]).resolve()
                else:
                    found.append(Command(words, folder, line.strip()))
    for span in re.findall(r"`([^`\n]+)`", prose(text)):
        if re.match(r"(make|python3?|dispatch-sb) \S", span):
            found += [Command(words, ROOT, span) for words in split(span)]
    return found


def split(line):
    """Words of every command of a shell line, without variables and `$`."""
    try:
        words = shlex.split(line.removeprefix("$ ").strip(), comments=True)
    except ValueError:
        return []  # output or prose, as a lone apostrophe shows
    parts, current = [], []
    for word in [*words, ";"]:
        if word in SEPARATORS:
            while current and re.match(r"^[A-Z_]+=", current[0]):
                current.pop(0)
            parts += [current] if current else []
            current = []
        else:
            current.append(word)
    return parts
