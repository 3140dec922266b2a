"""The small world, and its hub on 127.0.0.1, made once.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import shutil
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "integration"))

from hub_server import WRITE, HubServer  # noqa: E402
from hub_worker import loopback_environment  # noqa: E402
from world import build_world  # noqa: E402


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The variables of the shells of all pages: their hub is one that has
    users and no models."""
    hub = HubServer()
    hub.start()
    home = tmp_path_factory.mktemp("home")
    local = loopback_environment(hub.endpoint, home, WRITE)
    local.pop("DISPATCH_SB_MODEL", None)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    local |= {"PYTHONPATH": str(ROOT), "PATH": programs}
    server = forkserver._forkserver
    end(server)
    with pytest.MonkeyPatch.context() as patch:
        # The hub's client reads these once: where the server imports it.
        for name in os.environ.keys() - local.keys():
            patch.delenv(name)
        for name, value in local.items():
            patch.setenv(name, value)
        server.ensure_running()
    yield local
    end(server)
    hub.stop()


def end(server):
    """Ends the server that programs are forked from; the next one that is
    needed starts with today's variables. It is not asked to leave: whoever
    was forked meanwhile holds the line on which it would hear that."""
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        os.waitid(os.P_PID, server._forkserver_pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture(scope="session")
def world(environment, tmp_path_factory):
    """The world as every page finds it."""
    return build_world(tmp_path_factory.mktemp("world"), environment)


@pytest.fixture
def place(world, tmp_path):
    """A copy of the world for one page."""
    return Path(shutil.copytree(world, tmp_path / "world"))
