"""The small world, its hub on 127.0.0.1 and its warm Python, made once.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(ROOT / "tests" / name) for name in ("integration",)]

from hub_server import WRITE, HubServer  # noqa: E402
from hub_worker import loopback_environment  # noqa: E402
from world import build_world  # noqa: E402


@pytest.fixture(scope="session")
def hub():
    """A hub that has users and no models."""
    hub = HubServer()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def environment(hub, tmp_path_factory):
    """The variables of the shells of all pages."""
    folder = tmp_path_factory.mktemp("programs")
    home = tmp_path_factory.mktemp("home")
    local = {
        **loopback_environment(hub.endpoint, home, WRITE),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    local.pop("DISPATCH_SB_MODEL", None)
    socket = folder / "socket"
    client = f'exec "{sys.executable}" -I -S "{HERE}/warm_client.py"'
    for name in ("python", "dispatch-sb"):
        program = folder / name
        program.write_text(f'#!/bin/sh\n{client} "{socket}" {name} "$@"\n')
        program.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, str(HERE / "warm_server.py"), str(socket)],
        env=local,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout.readline() == "ready\n"
    yield local
    server.terminate()
    server.wait(timeout=30)
    server.stdout.close()


@pytest.fixture(scope="session")
def world(environment, tmp_path_factory):
    """The world as every page finds it."""

    def shell(line, folder):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return build_world(tmp_path_factory.mktemp("world"), shell)


@pytest.fixture
def place(world, tmp_path):
    """A copy of the world for one page."""
    return Path(shutil.copytree(world, tmp_path / "world"))
