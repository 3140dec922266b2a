"""Interrupted pushes: nothing of the model is visible, and the same command
goes on without sending again what arrived.

Authors
 * The dispatch-sb contributors, 2026
"""

import threading
import time

import pytest
from hub_pusher import contents, files_at, upload_of, uploads
from hub_server import Fault


def wait_for(condition) -> None:
    """Until something has happened in another process."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Until:
    """An event that has happened once a condition is true."""

    def __init__(self, condition):
        self.condition = condition

    def wait(self, timeout: float) -> None:
        """Returns when it has happened."""
        wait_for(self.condition)


def visible(hub, name: str) -> dict:
    """What a visitor of the model sees."""
    return files_at(hub, name, hub.repositories[name].branches["main"])


def large(name: str, model) -> tuple[str, str]:
    """The uploads of the two large files."""
    files = ("model.safetensors", "enhance_model.ckpt")
    return tuple(upload_of(name, model / file) for file in files)


@pytest.fixture
def release():
    """Lets held requests go at the end of a test."""
    event = threading.Event()
    yield event
    event.set()


def killed(process) -> None:
    """Ends a process as a power cut does."""
    process.kill()
    process.communicate()


def test_an_upload_that_is_cut_is_tried_again(hub, push, model):
    first, second = large("lab/cut", model)
    hub.faults.append(Fault(second, read=1000))
    commit = push(model, "lab/cut").commit
    assert files_at(hub, "lab/cut", commit) == contents(model, "lab/cut")
    assert sorted(uploads(hub)) == sorted([first, second, second])


def test_a_slow_hub_is_waited_for(hub, push, model, release):
    line = "POST /api/repos/create"
    hub.faults.append(Fault(line, status=None, hold=release))
    threading.Timer(1, release.set).start()
    done = push(model, "lab/slow")
    assert done.status == 0 and done.seconds > 0.9
    assert visible(hub, "lab/slow") == contents(model, "lab/slow")


def test_a_refused_upload_goes_on(hub, push, model):
    first, second = large("lab/refused", model)
    arrived = Until(lambda: hub.repositories["lab/refused"].objects)
    hub.faults.append(Fault(second, status=403, hold=arrived))
    assert "403" in push(model, "lab/refused").error
    assert visible(hub, "lab/refused") == {}
    hub.requests.clear()
    commit = push(model, "lab/refused").commit
    assert uploads(hub) == [second]
    assert visible(hub, "lab/refused") == contents(model, "lab/refused")
    titles = hub.repositories["lab/refused"].titles
    assert len(titles) == 2 and list(titles)[1] == commit


def test_a_killed_upload_goes_on(hub, push, model, release):
    first, second = large("lab/killed", model)
    hub.faults.append(Fault(second, read=1000, hold=release))
    process = push.start(model, "lab/killed")
    wait_for(lambda: len(uploads(hub)) == 2)
    objects = hub.repositories["lab/killed"].objects
    wait_for(lambda: len(objects) == 1)
    killed(process)
    release.set()
    assert visible(hub, "lab/killed") == {}
    hub.requests.clear()
    assert push(model, "lab/killed").status == 0
    assert uploads(hub) == [second]
    assert visible(hub, "lab/killed") == contents(model, "lab/killed")


def test_a_lost_answer_is_no_second_commit(hub, push, model, release):
    line = "POST /api/models/lab/lost/commit"
    hub.faults.append(Fault(line, status=None, hold=release))
    process = push.start(model, "lab/lost", "--tag", "v1")
    wait_for(lambda: any(r.startswith(line) for r in hub.requests))
    killed(process)
    release.set()
    repository = hub.repositories["lab/lost"]
    wait_for(lambda: len(repository.commits) == 2)
    assert repository.tags == {}
    commit = push(model, "lab/lost", "--tag", "v1").commit
    assert repository.branches == {"main": commit}
    assert len(repository.commits) == 2
    assert repository.tags == {"v1": commit}
