"""Files that are there whole, or not at all."""

import os
import signal
import time

import pytest

from dispatch_sb.data import files
from dispatch_sb.data.files import atomic_path, map_files


@pytest.fixture(autouse=True)
def anew():
    """As in a new process, which has looked into no folder."""
    files._remove_abandoned.cache_clear()


@pytest.fixture
def writing():
    """Starts processes that begin to write a file, and go on for ever."""
    started = []

    def start(path):
        started.append(os.fork())
        if not started[-1]:
            try:
                with atomic_path(path) as temporary:
                    temporary.write_text("half")
                    temporary.with_name("begun").touch()
                    time.sleep(60)
            finally:
                os._exit(1)
        while not path.with_name("begun").exists():
            time.sleep(0.01)
        path.with_name("begun").unlink()
        return started[-1]

    yield start
    for process in started:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, writing):
    """Not so what another one is writing at that time."""
    killed, alive = (writing(tmp_path / name) for name in "ab")
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_path(tmp_path / "c") as temporary:
        temporary.write_text("whole")
    (kept,) = set(tmp_path.iterdir()) - {tmp_path / "c"}
    assert kept.name == f".b.{alive}.partial"


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """And the name before anything that follows."""
    done = []

    def flush(path):
        done.append((path.name, (tmp_path / "a").exists()))

    monkeypatch.setattr(files, "flush", flush)
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert done == [(temporary.name, False), (tmp_path.name, True)]


def test_after_an_exception_nothing_is_left(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_many_threads_begin_in_one_folder_at_once(tmp_path):
    """None takes another one's file, just made, for abandoned."""

    def write(name):
        with atomic_path(tmp_path / str(name)) as temporary:
            temporary.write_text("whole")

    for _ in range(10):
        files._remove_abandoned.cache_clear()
        map_files(write, range(16), "Writing")
    assert len(list(tmp_path.iterdir())) == 16
