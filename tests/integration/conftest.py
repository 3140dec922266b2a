"""A hub on 127.0.0.1 and a process that asks it, started once for all tests.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch
from hub_server import HubServer
from hub_worker import Worker, model_folder
from tiny_corpus import write_tiny_corpus

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save

# What only a GPU can show is collected where torch sees one.
collect_ignore = [] if torch.cuda.is_available() else ["test_gpu.py"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """The tiny corpus."""
    return write_tiny_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """A pretrained folder with a model that changes its input a little."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("teacher") / "tiny"
    save(FastEnhancer(channels=8), folder, card="# A teacher\n")
    return folder


@pytest.fixture(scope="session")
def running_hub():
    """The hub, started once."""
    hub = HubServer()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def worker(running_hub, tmp_path_factory):
    """A process that loads teachers and pushes models."""
    worker = Worker(running_hub.endpoint, tmp_path_factory.mktemp("home"))
    yield worker
    worker.close()


@pytest.fixture
def push(worker):
    """Runs `dispatch-sb push`."""
    return worker.push


@pytest.fixture
def hub(running_hub):
    """The hub as it was at first: empty, and in order."""
    running_hub.repositories.clear()
    running_hub.requests.clear()
    running_hub.faults.clear()
    return running_hub


@pytest.fixture
def model(tmp_path):
    """A folder that is fit to be pushed."""
    return model_folder(tmp_path / "model", seed=1)


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
def savedir(tmp_path):
    return str(tmp_path / "savedir")
