"""The benchmark of the least that a training step could take."""

import sys
from pathlib import Path
from runpy import run_path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def test_the_least_is_that_of_bytes_or_of_arithmetic(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    account = run_path(str(BENCHMARKS / "step_floor.py"))["Account"](1e9, 1e6)
    ones = torch.ones(10, 10)
    with account, account.during("here"):
        ones @ ones  # 2,000 operations
        ones.t()  # a view
        ones + 1  # 800 bytes
    calls, seconds, least = account.rows["here", "matrix product"]
    assert calls == 1 and seconds > 0 and least == pytest.approx(2e-3)
    calls, _, least = account.rows["here", "other"]
    assert calls == 2 and least == pytest.approx(8e-7)
