"""Files that are there whole, or not at all."""

import errno
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


def test_a_file_system_that_syncs_no_folders(tmp_path, monkeypatch):
    """A share of another machine; of a file, its refusal is told."""
    refuses = {tmp_path.stat().st_ino}

    def sync(descriptor):
        if os.fstat(descriptor).st_ino in refuses:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", sync)
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
    refuses.add((tmp_path / "a").stat().st_ino)
    with pytest.raises(OSError, match="Invalid"):
        files.flush(tmp_path / "a")


def test_what_was_taken_for_abandoned_is_made_again(tmp_path, monkeypatch):
    """Before its writer could lock it."""
    hold, removed = files.held, []

    def held(path):
        if not removed:
            removed.append(path.unlink())
        return hold(path)

    monkeypatch.setattr(files, "held", held)
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("whole")
        assert not list(files.abandoned(tmp_path, ".a.*"))


def test_a_folder_is_claimed_until_its_process_ends(tmp_path):
    """Not until one ends that it forked."""
    mine, theirs = (os.pipe() for _ in range(2))
    process = os.fork()
    if not process:
        files.claim(tmp_path)
        if os.fork():
            os.write(mine[1], b"1")
            time.sleep(60)
        os.close(theirs[1])
        os.read(theirs[0], 1)
        os._exit(0)
    os.read(mine[0], 1)
    with pytest.raises(ValueError, match=f"{tmp_path}: another process"):
        files.claim(tmp_path)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    files.claim(tmp_path)
    os.close(theirs[1])


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
