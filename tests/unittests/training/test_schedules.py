"""Learning rates, weights, and the training log."""

import pytest
import torch

from dispatch_sb.runs.run import Run
from dispatch_sb.training.loggers import TrainLoggers
from dispatch_sb.training.schedules import Cosine, Linear, WarmupCosine


def test_the_rate_rises_then_falls():
    """One peak, at the end of the warm-up; every parameter group gets it."""
    schedule = WarmupCosine(lr=2.0, warmup=0.2, final=0.1)
    rates = [schedule(step / 100) for step in range(101)]
    assert max(rates) == rates[20] == 2.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0.2)
    groups = [{"params": [torch.zeros(1)]}, {"params": [torch.ones(1)]}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    assert schedule.apply(optimizer, 0.1) == rates[10]
    assert [x["lr"] for x in optimizer.param_groups] == [rates[10]] * 2


@pytest.mark.parametrize("kind", [Linear, Cosine])
@pytest.mark.parametrize("start, end", [(0.0, 0.3), (1.0, 0.3)])
def test_values_go_from_start_to_end_and_stay(kind, start, end):
    """Monotonic, half of the way at half of the time."""
    schedule = kind(start, end, over=0.2)
    values = [schedule(step / 100) for step in range(101)]
    assert schedule(-1) == values[0] == start and set(values[20:]) == {end}
    assert values == sorted(values, reverse=start > end)
    assert values[10] == pytest.approx((start + end) / 2)


@pytest.mark.parametrize(
    "make, wrong",
    [(WarmupCosine, {"lr": 0}), (WarmupCosine, {"lr": 1, "warmup": 1.0})]
    + [(WarmupCosine, {"lr": 1, "final": 2})]
    + [(Linear, {"start": 0, "end": 1, "over": x}) for x in (0, 1.5)],
)
def test_impossible_schedules_are_refused(make, wrong):
    """At construction, before anything is trained."""
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        make(**wrong)


def test_one_call_reaches_every_log(tmp_path):
    """Text, TensorBoard, which the test extras install, and the run's own,
    which holds each epoch once, in order, after an interruption too."""
    loggers = TrainLoggers(tmp_path)
    for epoch, loss in [(1, 3.0), (2, 2.0), (3, 1.5), (2, 1.9)]:
        about = {"epoch": epoch, "speed": {"seconds": 60 * loss}}
        loggers.log_stats(about, {"loss": loss}, {"pesq": 2.0})
    text = (tmp_path / "train_log.txt").read_text()
    assert "loss" in text and "speed" not in text
    assert [line[:8] for line in text.splitlines()] == ["epoch: 1", "epoch: 2"]
    assert any((tmp_path / "tensorboard").iterdir())
    expected = [
        {"epoch": n, "train": {"loss": loss}, "valid": {"pesq": 2.0}}
        for n, loss in [(1, 3.0), (2, 1.9)]
    ]
    assert Run(tmp_path).epochs == expected
    assert [s["seconds"] for s in Run(tmp_path).speeds] == [180.0, 114.0]
