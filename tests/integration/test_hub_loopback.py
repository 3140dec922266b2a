"""Teachers from a hub, through the real client, a real server on 127.0.0.1
and a process of their own, since the client reads HF_ENDPOINT at import.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import subprocess
import sys

import pytest
import torch
from hub_server import HubServer

from dispatch_sb.models import FastEnhancer
from dispatch_sb.publish import write_model_folder
from dispatch_sb.teachers import load_teacher

# Loads teachers as told on its standard input, one JSON line each.
WORKER = """
import json, logging, sys, time
import torch
from dispatch_sb.teachers import load_teacher

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

RESNET = """
sample_rate: 16000
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
    channel_counts: [4]
    dense_count: 1
    dense_nodes: 16
modules:
    enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        enhance_model: !ref <enhance_model>
    paths:
        enhance_model: lab/resnet/enhance_model.ckpt
"""


class Worker:
    """A process whose ``load_teacher`` asks the loopback hub."""

    def __init__(self, endpoint: str, home):
        environment = {**os.environ, "HF_ENDPOINT": endpoint}
        environment["HF_HOME"] = str(home)
        environment["OMP_NUM_THREADS"] = "1"
        for name in list(environment):
            if name in ("HF_HUB_OFFLINE", "HF_HUB_ETAG_TIMEOUT"):
                del environment[name]
            elif name.lower() in ("http_proxy", "all_proxy"):
                del environment[name]
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


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The hub and the worker, started once."""
    hub = HubServer()
    hub.start()
    worker = Worker(hub.endpoint, tmp_path_factory.mktemp("home"))
    yield hub, worker
    worker.close()
    hub.stop()


@pytest.fixture
def hub(running):
    running[0].requests.clear()
    return running[0]


@pytest.fixture
def offline(hub):
    """Calling it takes the hub off the network until the test ends."""
    stopped = []

    def stop():
        stopped.append(True)
        hub.stop()

    yield stop
    if stopped:
        hub.start()


@pytest.fixture
def worker(running):
    return running[1]


@pytest.fixture
def savedir(tmp_path):
    return str(tmp_path / "savedir")


def model_folder(folder, seed):
    """One of our models, with weights of its seed."""
    torch.manual_seed(seed)
    model = FastEnhancer(
        channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
    )
    return write_model_folder(model, folder, "# Tiny")


def expected(folder) -> list:
    """What a local load of the folder gives for the worker's input."""
    noisy = torch.linspace(-0.1, 0.1, 4000)[None]
    return load_teacher(folder)(noisy)[0, :2000].tolist()


def same(answer: dict, folder) -> bool:
    """Whether the worker's teacher is the one in the folder."""
    assert "error" not in answer, answer["error"]
    ours = torch.tensor(expected(folder))
    return torch.allclose(torch.tensor(answer["enhanced"]), ours, atol=1e-7)


def test_a_pinned_teacher_is_downloaded_once(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/pinned", folder)
    first = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(first, folder)
    assert first["origin"] == {"source": "lab/pinned", "revision": commit}
    assert any(f"GET /lab/pinned/resolve/{commit}/" in r for r in hub.requests)
    hub.requests.clear()
    again = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(again, folder)
    assert hub.requests == []
    offline()
    assert same(
        worker.load("lab/pinned", revision=commit, savedir=savedir), folder
    )


def test_a_pinned_revision_is_never_stale(hub, worker, savedir, tmp_path):
    old_folder = model_folder(tmp_path / "old", seed=1)
    new_folder = model_folder(tmp_path / "new", seed=2)
    old = hub.publish("lab/moving", old_folder)
    branch = {"savedir": savedir, "revision": "main"}
    assert same(worker.load("lab/moving", **branch), old_folder)
    new = hub.publish("lab/moving", new_folder)
    moved = worker.load("lab/moving", **branch)
    assert same(moved, new_folder)
    assert moved["origin"]["revision"] == new
    pinned = worker.load("lab/moving", revision=old, savedir=savedir)
    assert same(pinned, old_folder)


def test_the_commit_to_pin_is_named(hub, worker, savedir, tmp_path):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/unpinned", folder)
    answer = worker.load("lab/unpinned", savedir=savedir)
    assert same(answer, folder)
    assert f"Pin it with revision: {commit}" in answer["log"]
    pinned = worker.load("lab/unpinned", revision=commit, savedir=savedir)
    assert "Pin it" not in pinned["log"]


def test_a_branch_works_offline_and_says_so(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/branch", folder)
    worker.load("lab/branch", savedir=savedir)
    offline()
    answer = worker.load("lab/branch", savedir=savedir)
    assert same(answer, folder)
    assert answer["origin"]["revision"] == commit
    assert "cannot be reached: using the copy" in answer["log"]


@pytest.mark.parametrize("revision", [None, "main", "a" * 40])
def test_offline_and_never_downloaded_fails_at_once_with_the_remedy(
    hub, worker, offline, savedir, revision
):
    offline()
    answer = worker.load("lab/never", revision=revision, savedir=savedir)
    assert answer["error"] == (
        "ConnectionError: The teacher lab/never is not on this machine and "
        f"{hub.endpoint} cannot be reached: connect to the network once, or "
        "copy its files here and give their folder as the source."
    )
    assert answer["seconds"] < 1


def test_an_interrupted_download_is_not_taken_for_the_model(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    weights = (folder / "enhance_model.ckpt").read_bytes()
    (folder / "enhance_model.ckpt").unlink()
    commit = hub.publish("lab/part", folder)
    half = worker.load("lab/part", revision=commit, savedir=savedir)
    assert "enhance_model.ckpt is missing" in half["error"]
    (folder / "enhance_model.ckpt").write_bytes(weights)
    whole = hub.publish("lab/part", folder)
    assert same(
        worker.load("lab/part", revision=whole, savedir=savedir), folder
    )
    # The weights vanish from the cache: offline that is no wrong answer.
    for path in (tmp_path / "savedir").rglob("enhance_model.ckpt"):
        path.unlink()
    offline()
    answer = worker.load("lab/part", revision=whole, savedir=savedir)
    assert answer["error"].startswith("ConnectionError: The teacher lab/part")


def test_a_speechbrain_teacher_comes_at_its_revision(
    hub, worker, savedir, tmp_path
):
    from hyperpyyaml import load_hyperpyyaml

    folder = tmp_path / "resnet"
    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(RESNET)
    torch.manual_seed(0)
    network = load_hyperpyyaml(RESNET)["enhance_model"]
    torch.save(network.state_dict(), folder / "enhance_model.ckpt")
    commit = hub.publish("lab/resnet", folder, branch="v1")
    answer = worker.load("lab/resnet", revision="v1", savedir=savedir)
    assert same(answer, folder)
    assert answer["origin"]["revision"] == commit


@pytest.mark.parametrize(
    "revision, complaint",
    [
        ("v9", "no lab/known (revision v9)"),
        ("b" * 40, "no lab/known (revision bbbb"),
    ],
)
def test_an_unknown_revision_is_named(
    hub, worker, savedir, tmp_path, revision, complaint
):
    hub.publish("lab/known", model_folder(tmp_path / "model", seed=1))
    answer = worker.load("lab/known", revision=revision, savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert complaint in answer["error"]
    assert "check the commit, tag or branch" in answer["error"]


def test_an_unknown_model_is_named(worker, savedir):
    answer = worker.load("lab/unknwon", savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert "no lab/unknwon" in answer["error"]
    assert "check the spelling" in answer["error"]


def test_a_repository_of_something_else_lists_what_was_expected(
    hub, worker, savedir, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.onnx").write_bytes(b"0")
    hub.publish("lab/other", tmp_path / "other")
    answer = worker.load("lab/other", savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert "a pretrained folder holds hyperparams.yaml" in answer["error"]
