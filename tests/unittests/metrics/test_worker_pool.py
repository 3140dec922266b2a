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

import numpy as np
import pytest

from dispatch_sb.metrics import WorkerPool
from dispatch_sb.metrics.pool import Failure


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition, seconds=10):
    """Poll until it holds; whether it did."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_results_come_with_the_index_of_their_call():
    with WorkerPool(2) as pool:
        results = dict(pool.run(math.sqrt, [(n * n,) for n in range(20)]))
    assert results == {n: n for n in range(20)}


def test_an_exception_is_a_reason_and_the_worker_goes_on():
    with WorkerPool(1) as pool:
        first, second = pool.run(math.sqrt, [(-1,), (4,)])
        assert first[1].reason.startswith("ValueError")
        assert not first[1].lost
        assert second == (1, 2.0)


def test_a_killed_worker_costs_one_call():
    with WorkerPool(1) as pool:
        assert list(pool.run(math.sqrt, [(4,)])) == [(0, 2.0)]
        killed = list(pool.run(signal.raise_signal, [(signal.SIGKILL,)]))
        assert killed[0][1].lost
        assert "SIGKILL" in killed[0][1].reason
        assert list(pool.run(math.sqrt, [(9,)])) == [(0, 3.0)]


def test_an_exiting_worker_names_its_status():
    with WorkerPool(1) as pool:
        [(_, failure)] = pool.run(os._exit, [(3,)])
    assert failure == Failure("the scoring process ended with status 3", True)


def test_a_hung_worker_is_killed_and_the_rest_is_done():
    with WorkerPool(1, timeout=1.5) as pool:
        results = dict(pool.run(time.sleep, [(60,), (0,)]))
    assert "no answer" in results[0].reason
    assert results[1] is None


def test_leaving_early_drops_the_calls_that_wait():
    with WorkerPool(1) as pool:
        calls = pool.run(time.sleep, [(0.0,)] + [(0.2,)] * 50)
        next(calls)
        start = time.monotonic()
        calls.close()
        assert time.monotonic() - start < 5


def test_processes_are_reused_and_gone_after_close():
    pool = WorkerPool(1)
    list(pool.run(math.sqrt, [(4,)]))
    before = pool.process_ids()
    list(pool.run(math.sqrt, [(4,)]))
    assert pool.process_ids() == before
    pool.close()
    assert pool.process_ids() == []
    with pytest.raises(ProcessLookupError):  # not even a zombie is left
        os.kill(before[0], 0)
    pool.close()


def test_a_dropped_pool_ends_its_processes():
    pool = WorkerPool(1)
    list(pool.run(math.sqrt, [(4,)]))
    [pid] = pool.process_ids()
    del pool
    assert wait_for(lambda: not alive(pid))


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    # No main guard: a worker must not run the parent's script again.
    script.write_text(
        "import math, os, time\n"
        "from dispatch_sb.metrics import WorkerPool\n"
        "pool = WorkerPool(1)\n"
        "list(pool.run(math.sqrt, [(4,)]))\n"
        "print(pool.process_ids()[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=env
    )
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.communicate()
    assert wait_for(lambda: not alive(pid))


def test_ctrl_c_is_left_to_the_parent():
    with WorkerPool(1) as pool:
        list(pool.run(math.sqrt, [(4,)]))
        os.kill(pool.process_ids()[0], signal.SIGINT)
        assert list(pool.run(math.sqrt, [(9,)])) == [(0, 3.0)]


def test_prints_in_a_worker_do_not_spoil_the_answers(capfd):
    with WorkerPool(1) as pool:
        results = list(pool.run(print, [("from the library",)] * 2))
    assert [value for _, value in results] == [None, None]
    assert "from the library" in capfd.readouterr().err


def test_large_arrays_pass():
    signal_in = np.ones(1_000_000, dtype=np.float32)
    with WorkerPool(1) as pool:
        [(_, total)] = pool.run(np.sum, [(signal_in,)])
    assert total == 1_000_000


def test_each_worker_has_one_thread_and_no_torch():
    check = "import sys, dispatch_sb.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
    with WorkerPool(1) as pool:
        [(_, threads)] = pool.run(os.getenv, [("OMP_NUM_THREADS",)])
    assert threads == "1"


def test_an_environment_where_nothing_starts_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with WorkerPool(1) as pool, pytest.raises(RuntimeError, match="cannot st"):
        list(pool.run(math.sqrt, [(4,)]))


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"timeout": 0}])
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match="is 0"):
        WorkerPool(**arguments)
