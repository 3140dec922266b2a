"""The pages of the docs, taken apart into blocks, and somebody who types them.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import traceback
from dataclasses import dataclass
from pathlib import Path

from programs import ROOT, SERVER, finish

DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```\s*$", re.M | re.S
)
# What needs no shell; it runs in a process that has imported much already.
PROGRAM = re.compile(r"(python|dispatch-sb) [^|<>&;$]*$")


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

    @property
    def lines(self):
        """Of a shell block: every command in one line, and as it is written."""
        written = re.findall(r"(?:.*\\\n)*.+\n?", self.text)
        return [(" ".join(x.replace("\\\n", " ").split()), x) for x in written]


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


class Reader:
    """Somebody who types what a page says: one shell, one Python."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.connection, theirs = SERVER.Pipe()
        SERVER.Process(
            target=interpret, args=(theirs, environment), daemon=True
        ).start()

    def python(self, block):
        """What a Python block prints; fails if the block does."""
        self.connection.send((block.text, block.where, self.folder))
        printed, failure = self.connection.recv()
        assert not failure, f"{block.where}\n{failure}"
        return printed

    def shell(self, block, left_out):
        """What a shell block prints, less the lines that are left out."""
        printed, script = [], ""
        for line, written in block.lines:
            if left_out(line):
                continue
            if PROGRAM.match(line):
                printed += [self.bash(script), self.program(shlex.split(line))]
                script = ""
            else:
                script += written
        return "".join([*printed, self.bash(script)])

    def program(self, words):
        """Runs `python script` or `dispatch-sb` without a shell."""
        words = words[1:] if words[0] == "python" else words
        return checked(finish(words, self.folder, self.environment))

    def bash(self, script):
        """Runs the rest in a shell; folder and variables stay."""
        if not script:
            return ""
        kept = self.folder.parent / "variables"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nenv -0 > {kept}"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        printed = checked(done)
        pairs = kept.read_text().split("\0")[:-1]
        self.environment = dict(x.split("=", 1) for x in pairs)
        self.folder = Path(self.environment["PWD"])
        return printed


def checked(done):
    """What a program printed, once it ended well."""
    told = f"{done.args}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert done.returncode == 0, told
    return done.stdout


def interpret(connection, environment):
    """Runs Python blocks, which come through a connection, in one namespace:
    answers with what each printed, and its traceback if any."""
    os.environ.update(environment)
    namespace = {"__name__": "__main__"}
    while True:
        try:
            text, where, folder = connection.recv()
        except EOFError:
            return
        os.chdir(folder)
        printed, failure = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(text, where, "exec"), namespace)
        except BaseException:
            failure = traceback.format_exc()
        connection.send((printed.getvalue(), failure))
