"""A process that runs `dispatch-sb` against a hub on 127.0.0.1, and model
folders that are fit to be pushed.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hub_state import User, sha256
from hub_worker import loopback_environment

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.sharing import model_card

WRITE, READ, LIMITED = "hf_write", "hf_read", "hf_limited"
USERS = {
    WRITE: User("lab", organisations=("team",)),
    READ: User("lab", role="read"),
    LIMITED: User("lab", role="fineGrained", may_write=False),
}
COMMAND = [sys.executable, "-m", "dispatch_sb.cli"]

# Runs the commands that it is told on its standard input, one JSON line each.
PUSHER = """
import contextlib, io, json, os, sys, time
from dispatch_sb import cli
from dispatch_sb.sharing import upload as push

print("ready", flush=True)
for line in sys.stdin:
    words, token = json.loads(line)
    os.environ["HF_TOKEN"] = token
    out, err = io.StringIO(), io.StringIO()
    start = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(words)
    seconds = time.monotonic() - start
    answer = [status, out.getvalue(), err.getvalue(), seconds]
    print(json.dumps(answer), flush=True)
"""


@dataclass
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def commit(self) -> str:
        """The commit that it printed."""
        assert self.status == 0, self.err
        return self.out.split("\ncommit ")[1][:40]

    @property
    def error(self) -> str:
        """The last line of what it complained; there was nothing else."""
        assert self.status == 1 and self.out == "", self.out
        assert "Traceback" not in self.err
        return self.err.splitlines()[-1]


class Pusher:
    """A process that runs `dispatch-sb`, again and again."""

    def __init__(self, endpoint: str, home: Path):
        self.endpoint = endpoint
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-c", PUSHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=loopback_environment(endpoint, home),
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def __call__(self, *words, token: str = WRITE) -> Outcome:
        """Runs `dispatch-sb push` and these words."""
        request = json.dumps([["push", *map(str, words)], token])
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return Outcome(*json.loads(self.process.stdout.readline()))

    def start(self, *words, token: str = WRITE) -> subprocess.Popen:
        """Starts the same in a process of its own, to be killed."""
        return subprocess.Popen(
            [*COMMAND, "push", *map(str, words)],
            env=loopback_environment(self.endpoint, self.home, token),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def complete_folder(folder: Path, seed: int = 1) -> Path:
    """A model folder with card and example, of 60 KB or so."""
    torch.manual_seed(seed)
    pesq = {"mean": 2.5, "ci95": [2.4, 2.6], "n": 35, "failed": 0}
    card = model_card(
        "tiny",
        "A tiny enhancer.",
        data=[{"name": "own recordings", "licence": "CC0-1.0"}],
        scores={"excerpt": {"student": {"pesq": pesq}}},
    )
    model = FastEnhancer(
        channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
    )
    example = np.linspace(-0.1, 0.1, 1600)
    return save(model, folder, card, example)


def upload_of(name: str, path: Path) -> str:
    """The request that uploads a large file."""
    return f"PUT /lfs/{name}/{sha256(path.read_bytes())}"


def uploads(hub) -> list[str]:
    """The uploads of large files since the requests were cleared."""
    return [line for line in hub.requests if line.startswith("PUT ")]


def files_at(hub, name: str, commit: str) -> dict:
    """What a commit holds, less the hub's own file."""
    files = dict(hub.repositories[name].commits[commit])
    files.pop(".gitattributes", None)
    return files


def contents(folder: Path, name: str) -> dict:
    """What the hub is to hold of a folder: its card loads the model by name."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    card = found["README.md"].decode()
    assert 'load_student(".")' in card
    card = card.replace('load_student(".")', f'load_student("{name}")')
    card = card.replace('(source=".")', f'(source="{name}")')
    inside = "inside this folder (or with its hub id instead of\nthe dot)"
    assert inside in card
    anywhere = "with a noisy file of your own, or this model's\n`example.wav`,"
    found["README.md"] = card.replace(inside, f"{anywhere} beside you").encode()
    return found
