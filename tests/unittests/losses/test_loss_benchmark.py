"""The benchmark compares with the published algorithm, and with no other."""

from pathlib import Path
from runpy import run_path

import pytest
import torch
from cases import signals

from dispatch_sb.losses import official

BENCHMARK = run_path(str(Path(__file__).parents[3] / "benchmarks" / "loss.py"))


@pytest.mark.parametrize(
    "beta, ratio, sizes", [(0.5, 0.8, (10, 40)), (0.3, 0.5, (8, 32))]
)
def test_the_rival_is_the_published_loss(beta, ratio, sizes):
    student, teacher, clean = signals()
    student.requires_grad_()
    theirs = BENCHMARK["published_dfkd"](
        student, teacher, clean, beta, ratio, sizes
    )
    preset = official.dfkd(beta, ratio, sizes)(student, teacher, clean)
    torch.testing.assert_close(theirs, preset)
    gradients = [torch.autograd.grad(x, student)[0] for x in (theirs, preset)]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-7)


def test_every_round_times_every_contestant():
    contestants = {
        "first": BENCHMARK["published_dfkd"],
        "second": official.dfkd(),
    }
    taken = BENCHMARK["measure"](contestants, signals(), rounds=3)
    assert list(taken) == ["first", "second"]
    assert all(len(s) == 3 and min(s) > 0 for s in taken.values())
