"""Cells run in processes of their own, and survive whatever happens to them.

Authors
 * The dispatch-sb contributors, 2026
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from dispatch_sb.study.queue import claimed, is_claimed, run_cells
from dispatch_sb.study.study_plan import Cell

CELLS = [Cell("main", "T", "none", seed) for seed in (1, 2, 3)]
WORK = """
import pathlib, subprocess, sys
target = pathlib.Path(sys.argv[1])
began = target.with_suffix(".began")
began.write_text("")
wait = "import time; time.sleep({seconds})"
subprocess.run([sys.executable, "-c", wait, sys.argv[1]])
if sys.argv[1].endswith("seed2.done") and {fails}:
    sys.exit(7)
target.write_text("")
"""
QUEUE = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_queue import run_in
run_in(Path({folder!r}), seconds=60)
"""


def run_in(folder, seconds=0.0, fails=False, report=print):
    """Runs cells that leave an empty file each."""
    work = WORK.format(seconds=seconds, fails=fails)
    return run_cells(
        lambda: [c for c in CELLS if not (folder / f"{c.name}.done").exists()],
        lambda c: [sys.executable, "-c", work, str(folder / f"{c.name}.done")],
        lambda cell: folder / f"{cell.name}.log",
        report=report,
    )


def test_unfinished_cells_are_run_and_a_failing_one_stops_no_other(tmp_path):
    (tmp_path / f"{CELLS[0].name}.done").write_text("")
    said = []
    failed = run_in(tmp_path, fails=True, report=said.append)
    assert failed == [CELLS[1].name]
    assert sum("status 7" in line for line in said) == 2  # it is tried twice
    assert (tmp_path / f"{CELLS[2].name}.done").exists()
    assert not (tmp_path / f"{CELLS[0].name}.began").exists()


def test_a_stopped_queue_takes_its_processes_with_it(tmp_path):
    here = str(Path(__file__).parent)
    program = QUEUE.format(here=here, folder=str(tmp_path))
    queue = subprocess.Popen([sys.executable, "-c", program])
    while len(list(tmp_path.glob("*.began"))) < 2:
        assert queue.poll() is None
        time.sleep(0.05)
    queue.send_signal(signal.SIGTERM)
    queue.wait(timeout=20)  # its cells would sleep for a minute
    search = ["pgrep", "-f", str(tmp_path)]  # their children, too
    deadline = time.monotonic() + 20
    while subprocess.run(search, capture_output=True).stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert list(tmp_path.glob("*.done")) == []


def test_a_claim_is_exclusive_and_ends_with_its_process(tmp_path):
    hold = (
        "import sys, time; from pathlib import Path\n"
        "from dispatch_sb.study.queue import claimed\n"
        "with claimed(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    assert is_claimed(tmp_path)
    with claimed(tmp_path) as mine:
        assert not mine
    other.kill()
    other.wait()
    other.stdout.close()
    assert not is_claimed(tmp_path)
    with claimed(tmp_path) as mine:
        assert mine
