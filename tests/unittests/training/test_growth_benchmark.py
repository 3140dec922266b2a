"""The benchmark of how cost grows: its lines, its table, its picture."""

import sys
from argparse import Namespace
from pathlib import Path
from runpy import run_path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
GROWTH = run_path(str(BENCHMARKS / "growth.py"))


def test_a_line_says_what_is_fixed_and_what_each_costs():
    line = GROWTH["fitted"]([1, 2, 4], [3.0, 5.0, 9.0])
    assert (line.fixed, line.each) == pytest.approx((1, 2))
    assert line.off < 1e-9 and line.doubled == 9 / 5
    assert GROWTH["fitted"]([1, 2, 4], [1, 4, 16]).off > 0.2


def test_every_cost_has_two_rows_and_two_panels(tmp_path):
    found = {
        name: [{"seconds": a, "bytes": 2**20} for a in series.amounts]
        for name, series in GROWTH["SERIES"].items()
    }
    rows = GROWTH["table"](found).splitlines()
    assert len(rows) == 2 + 2 * len(found)
    assert all("x 2.00" in row for row in rows[2::2])
    assert all("x 1.00" in row for row in rows[3::2])
    GROWTH["draw"](found, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes()[1:4] == b"PNG"


def test_every_cost_can_be_measured(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    options = Namespace(rounds=1, device="cpu")
    for name, amount in (("bands", 1), ("files", 1), ("hours", 0.0007)):
        found = GROWTH["measure"](name, amount, options)
        assert found["seconds"] > 0 and found["bytes"] > 2**20
