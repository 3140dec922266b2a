"""Processes that die, hang, print, or outlive their parent.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from pool_calls import Unpicklable, fail, surroundings, write

from dispatch_sb.processes import WorkerPool

# No process may run this script again, which has no main guard.
PLAIN = """
import math, time
from dispatch_sb.processes import WorkerPool
pool = WorkerPool(1)
print(list(pool.run(math.sqrt, [(4,)])), flush=True)
time.sleep(60)
"""
# Every process has to import this one, for what it is to load.
GUARDED = """
import operator, time
from dispatch_sb.processes import WorkerPool
def load():
    return 1.5
if __name__ == "__main__":
    pool = WorkerPool(1, load=load)
    print(list(pool.run(operator.add, [(0.5,)])), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def pool():
    """One process that has been called."""
    with WorkerPool(1) as pool:
        assert list(pool.run(math.sqrt, [(4,)])) == [(0, 2.0)]
        yield pool


def run(pool, folder, jobs, advance):
    """Writes files; what is half-written is deleted."""

    def clean(index, process):
        (folder / f"{jobs[index]}.{process}").unlink(missing_ok=True)

    return pool.run(write, [(folder, job) for job in jobs], advance, clean)


def assert_gone(pid):
    """Not even a zombie is left."""
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_exceptions_and_ctrl_c_leave_the_process(pool):
    [pid] = pool.process_ids()
    calls = [(Unpicklable, "no score", 2), (ValueError, "too short")]
    first, second = (failure for _, failure in pool.run(fail, calls))
    assert "Unpicklable: no score" in first.reason and not first.lost
    assert second.reason == "ValueError: too short"
    os.kill(pid, signal.SIGINT)  # reaches the whole group
    large = np.ones(1_000_000, dtype=np.float32)
    assert list(pool.run(np.sum, [(large,)])) == [(0, 1_000_000)]
    assert pool.process_ids() == [pid]


def test_processes_that_exit_or_are_killed_at_rest_are_replaced(pool):
    [(_, failure)] = pool.run(os._exit, [(3,)])
    assert failure.lost and "status 3" in failure.reason
    assert list(pool.run(math.sqrt, [(9,)])) == [(0, 3.0)]
    [pid] = pool.process_ids()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert list(pool.run(math.sqrt, [(16,)])) == [(0, 4.0)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_process_costs_the_call_that_it_had(tmp_path, workers):
    told, jobs = [], ["one", "die", "two", "three"]
    with WorkerPool(workers) as pool:
        outcomes = dict(run(pool, tmp_path, jobs, told.append))
    failure = outcomes.pop(1)
    assert failure.lost and "SIGKILL" in failure.reason
    assert outcomes == {0: "done one", 2: "done two", 3: "done three"}
    assert sorted(told) == [0.5] * 4 + [1.0] * 4
    assert list(tmp_path.iterdir()) == []


def test_a_hung_process_is_killed_and_the_rest_is_done():
    with WorkerPool(1, timeout=1.5) as pool:
        results = dict(pool.run(time.sleep, [(60,), (0,)]))
    assert results[0].lost and "1.5 s" in results[0].reason
    assert results[1] is None


def test_leaving_early_ends_what_runs_and_drops_what_waits(pool):
    calls = pool.run(time.sleep, [(0,), (600,), (600,)])
    assert next(calls) == (0, None)
    with pytest.raises(RuntimeError):
        next(pool.run(math.sqrt, [(9,)]))
    [pid] = pool.process_ids()
    calls.close()
    assert_gone(pid)
    assert list(pool.run(math.sqrt, [(9,)])) == [(0, 3.0)]


def test_an_interruption_ends_the_processes_and_leaves_nothing(tmp_path):
    def interrupt(seconds):
        if seconds == 1.0:
            assert list(tmp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), WorkerPool(2) as pool:
        list(run(pool, tmp_path, ["hang"] * 2, interrupt))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_or_dropped_pool_ends_its_processes(pool):
    [pid] = pool.process_ids()
    pool.close()
    assert pool.process_ids() == []
    assert_gone(pid)
    pool.close()
    other = WorkerPool(1)
    list(other.run(math.sqrt, [(4,)]))
    [pid] = other.process_ids()
    del other
    assert_gone(pid)


@pytest.mark.parametrize("text", [PLAIN, GUARDED])
def test_processes_end_with_a_parent_that_is_killed(tmp_path, text):
    script = tmp_path / "parent.py"
    script.write_text(text)
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout.readline() == "[(0, 2.0)]\n"
    parent.kill()
    # Standard error ends when all who have it are gone.
    assert parent.communicate(timeout=10)[1] == ""


def test_prints_in_a_process_are_kept_from_standard_output(capfd):
    with WorkerPool(1) as pool:
        assert list(pool.run(print, [("from the library",)])) == [(0, None)]
    shown = capfd.readouterr()
    assert "from the library" in shown.err and shown.out == ""


def test_each_process_loads_once_and_has_one_thread_and_no_torch(monkeypatch):
    check = "import sys, dispatch_sb.scoring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with WorkerPool(1, load=surroundings) as pool:
        values = [value for _, value in pool.run(surroundings, [(1,), (2,)])]
        here = (*pool.process_ids(), "1", False)
    assert values == [(*here, here, 1), (*here, here, 2)]
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "load, kind, message",
    [
        (partial(fail, FileNotFoundError, "a/model"), FileNotFoundError, "a/m"),
        (partial(fail, Unpicklable, "no model", 2), RuntimeError, "no model"),
        (partial(os._exit, 3), RuntimeError, "status 3"),
    ],
)
def test_what_cannot_be_loaded_is_raised_here(load, kind, message):
    with WorkerPool(2, load=load) as pool, pytest.raises(kind, match=message):
        list(pool.run(math.sqrt, [(4,), (9,)]))


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"timeout": 0}])
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        WorkerPool(**arguments)
