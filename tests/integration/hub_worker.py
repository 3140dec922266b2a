"""A process that asks a hub on 127.0.0.1, since the real client reads
HF_ENDPOINT at import; and the models that it loads and pushes.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hub_server import WRITE, HubServer

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save
from dispatch_sb.sharing import model_card

COMMAND = [sys.executable, "-m", "dispatch_sb.cli"]
# Does what it is told on its standard input, one JSON line each: runs a
# command with a token, or loads a teacher.
WORKER = """
import contextlib, io, json, logging, os, sys, time
import torch
from dispatch_sb import cli
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.sharing import upload

records = []
handler = logging.Handler()
handler.emit = lambda record: records.append(record.getMessage())
logging.getLogger().addHandler(handler)
noisy = torch.linspace(-0.1, 0.1, 4000)[None]


def run(words, token):
    os.environ["HF_TOKEN"] = token
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(words)
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def load(**options):
    os.environ["HF_TOKEN"] = ""
    records.clear()
    try:
        teacher = load_teacher(**options)
        enhanced = teacher(noisy)[0, :2000].tolist()
        answer = {"origin": teacher.origin, "enhanced": enhanced}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    return {**answer, "log": "\\n".join(records)}


print("ready", flush=True)
for line in sys.stdin:
    name, arguments = json.loads(line)
    start = time.monotonic()
    answer = {"run": run, "load": load}[name](**arguments)
    answer["seconds"] = time.monotonic() - start
    print(json.dumps(answer), flush=True)
"""


def loopback_environment(endpoint: str, home, token: str = "") -> dict:
    """Environment of a process that knows no hub but the loopback one."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING"))
        and name.lower() not in ("http_proxy", "all_proxy")
    }
    mine |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)}
    mine |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    mine |= {"HF_TOKEN": token} if token else {}
    return {**mine, "OMP_NUM_THREADS": "1"}


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


class Worker:
    """A process that asks the loopback hub, again and again."""

    def __init__(self, endpoint: str, home: Path):
        self.endpoint, self.home = endpoint, home
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=loopback_environment(endpoint, home),
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def _ask(self, name: str, **arguments) -> dict:
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def load(self, source, **options) -> dict:
        """What ``load_teacher`` returned or raised, and what it logged."""
        return self._ask("load", source=source, **options)

    def push(self, *words, token: str = WRITE) -> Outcome:
        """Runs `dispatch-sb push` and these words."""
        words = ["push", *map(str, words)]
        return Outcome(**self._ask("run", words=words, token=token))

    def start_push(self, *words) -> subprocess.Popen:
        """Starts the same in a process of its own, to be killed."""
        return subprocess.Popen(
            [*COMMAND, "push", *map(str, words)],
            env=loopback_environment(self.endpoint, self.home, WRITE),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def model_folder(folder: Path, seed: int) -> Path:
    """A model folder with card and example, of 60 KB or so, with weights of
    its seed."""
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
    return save(model, folder, card, np.linspace(-0.1, 0.1, 1600))


def same(answer: dict, folder: Path) -> bool:
    """Whether the worker's teacher is the one in the folder."""
    assert "error" not in answer, answer["error"]
    noisy = torch.linspace(-0.1, 0.1, 4000)[None]
    ours = load_teacher(folder)(noisy)[0, :2000]
    return torch.allclose(torch.tensor(answer["enhanced"]), ours, atol=1e-7)


def files_at(hub: HubServer, name: str, commit: str = "main") -> dict:
    """What a commit or branch holds, less the hub's own file."""
    repository = hub.repositories[name]
    files = dict(repository.commits[repository.resolve(commit)])
    files.pop(".gitattributes", None)
    return files


def contents(folder: Path, name: str) -> dict:
    """What the hub is to hold of a folder: its card loads the model by name."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    card = found["README.md"].decode()
    assert 'load_student(".")' in card
    card = card.replace('load_student(".")', f'load_student("{name}")')
    card = card.replace('(source=".")', f'(source="{name}")')
    found["README.md"] = card.encode()
    return found
