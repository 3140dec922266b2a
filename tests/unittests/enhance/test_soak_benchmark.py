"""Long runs in small: a minute streamed, forty files at once, and what a
slope says."""

import os
from argparse import Namespace
from pathlib import Path
from runpy import run_path

import numpy as np

from dispatch_sb.pretrained import save

SOAK = run_path(str(Path(__file__).parents[3] / "benchmarks" / "soak.py"))


def test_a_slope_is_found_and_a_saw_is_none():
    rng, hours = np.random.default_rng(0), np.linspace(0, 2, 1000)
    saw = 600 + 100 * (np.cumsum(rng.uniform(0.05, 0.15, 1000)) % 1)
    warm = saw + 300 * np.exp(-20 * hours)
    assert "no growth" in SOAK["changing"]("memory", hours, warm, "MB/h", 10)
    leak = saw + 25 * hours
    assert "GROWS" in SOAK["changing"]("memory", hours, leak, "MB/h", 10)
    _, low, high = SOAK["trend"](hours, leak)
    assert low < 25 < high
    assert SOAK["trend"](hours, np.ones(1000)) == (0, 0, 0)
    assert "short" in SOAK["changing"]("memory", hours[:4], saw[:4], "MB", 1)


def test_a_minute_streamed_equals_the_minute_at_once(tmp_path):
    place = {"folder": tmp_path, "model": SOAK["STUDENT"], "engine": "torch"}
    SOAK["stream"](Namespace(**place, hours_of_audio=1 / 60))
    (sample,) = SOAK["samples"](tmp_path, "stream-torch")
    assert sample["finite"] and sample["difference_db"] < -100
    SOAK["report"](Namespace(folder=tmp_path, picture=tmp_path / "soak.png"))
    assert (tmp_path / "soak.png").read_bytes()[1:4] == b"PNG"


def test_forty_files_at_once_equal_those_one_by_one(tmp_path):
    """Two threads write every file; nothing is left open or unfinished."""
    model = SOAK["opened"](SOAK["STUDENT"])
    saved = save(model, tmp_path / "model", "# A model\n")
    inputs = SOAK["write_files"](tmp_path, 40)
    ways, found = SOAK["ways"](model, saved, inputs), {}
    for way in ("folder", "32 threads, each file twice", "folder"):
        before = SOAK["look"](os.getpid())
        ways[way](tmp_path / way)
        after = SOAK["look"](os.getpid())
        found[way] = SOAK["hashes"](tmp_path / way)
    assert len(found["folder"]) == 40
    assert found["folder"] == found["32 threads, each file twice"]
    for kind in ("files", "threads"):  # of the last, all was imported before
        assert before[kind] == after[kind]
