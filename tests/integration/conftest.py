"""A hub on 127.0.0.1 and a process that asks it, started once for all tests.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hub_server import HubServer
from hub_worker import Worker


@pytest.fixture(scope="session")
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
