"""A process that loads teachers from a hub on 127.0.0.1, since the real client
reads HF_ENDPOINT at import, and the models that it is asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import subprocess
import sys

import torch

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save

# Loads teachers as told on its standard input, one JSON line each.
WORKER = """
import json, logging, sys, time
import torch
from dispatch_sb.pretrained import load_teacher

records = []
handler = logging.Handler()
handler.emit = lambda record: records.append(record.getMessage())
logging.getLogger().addHandler(handler)
noisy = torch.linspace(-0.1, 0.1, 4000)[None]
print("ready", flush=True)
for line in sys.stdin:
    records.clear()
    start = time.monotonic()
    answer = {}
    try:
        teacher = load_teacher(**json.loads(line))
        answer["origin"] = teacher.origin
        answer["enhanced"] = teacher(noisy)[0, :2000].tolist()
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    answer["seconds"] = time.monotonic() - start
    answer["log"] = "\\n".join(records)
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


class Worker:
    """A process whose ``load_teacher`` asks the loopback hub."""

    def __init__(self, endpoint: str, home):
        environment = loopback_environment(endpoint, home)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def load(self, source, **options) -> dict:
        """What ``load_teacher`` returned or raised, and what it logged."""
        request = json.dumps({"source": source, **options})
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def model_folder(folder, seed):
    """One of our models, with weights of its seed."""
    torch.manual_seed(seed)
    model = FastEnhancer(
        channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
    )
    return save(model, folder, "# Tiny")


def expected(folder) -> list:
    """What a local load of the folder gives for the worker's input."""
    noisy = torch.linspace(-0.1, 0.1, 4000)[None]
    return load_teacher(folder)(noisy)[0, :2000].tolist()


def same(answer: dict, folder) -> bool:
    """Whether the worker's teacher is the one in the folder."""
    assert "error" not in answer, answer["error"]
    ours = torch.tensor(expected(folder))
    return torch.allclose(torch.tensor(answer["enhanced"]), ours, atol=1e-7)
