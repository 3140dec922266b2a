"""Learning rates and training logs."""

import json

import pytest
import torch

from dispatch_sb.training.loggers import JsonLinesLogger, TrainLoggers
from dispatch_sb.training.schedules import (
    Constant,
    Cosine,
    Linear,
    WarmupCosine,
)


def test_the_rate_rises_then_falls():
    """One peak, at the end of the warm-up."""
    schedule = WarmupCosine(lr=2.0, warmup=0.2, final=0.1)
    rates = [schedule(step / 100) for step in range(101)]
    assert max(rates) == rates[20] == 2.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0.2)


def test_every_parameter_group_gets_the_rate():
    """SpeechBrain's own updates reach group 0 only."""
    groups = [{"params": [torch.zeros(1)]}, {"params": [torch.ones(1)]}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    rate = WarmupCosine(lr=0.5).apply(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [rate, rate]


@pytest.mark.parametrize(
    "arguments", [{"lr": 0}, {"lr": 1, "warmup": 1.0}, {"lr": 1, "final": 2}]
)
def test_impossible_schedules_are_refused(arguments):
    """At construction, before anything is trained."""
    with pytest.raises(ValueError):
        WarmupCosine(**arguments)


@pytest.mark.parametrize("kind", [Linear, Cosine])
@pytest.mark.parametrize("start, end", [(0.0, 0.3), (1.0, 0.3)])
def test_values_go_from_start_to_end_and_stay(kind, start, end):
    """Monotonic, half of the way at half of the time."""
    schedule = kind(start, end, over=0.2)
    values = [schedule(step / 100) for step in range(101)]
    assert values[0] == start and set(values[20:]) == {end}
    assert values == sorted(values, reverse=start > end)
    assert values[10] == pytest.approx((start + end) / 2)
    assert schedule(-1) == start and Constant(end)(0.5) == end


@pytest.mark.parametrize("over", [0, -1, 1.5, float("nan")])
def test_a_change_takes_a_part_of_the_training(over):
    """Anything else is refused at construction."""
    with pytest.raises(ValueError, match="over"):
        Linear(0, 1, over)


def test_an_epoch_trained_again_replaces_its_line(tmp_path):
    """After an interruption the log holds each epoch once, in order."""
    logger = JsonLinesLogger(tmp_path / "training.jsonl")
    for epoch, loss in [(1, 3.0), (2, 2.0), (3, 1.5), (2, 1.9)]:
        logger.log_stats({"epoch": epoch}, train_stats={"loss": loss})
    rows = [json.loads(line) for line in logger.path.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["train"]["loss"] == 1.9


def test_one_call_reaches_every_log(tmp_path):
    """Text, JSON and TensorBoard, which the test extras install."""
    loggers = TrainLoggers(tmp_path)
    loggers.log_stats({"epoch": 1}, {"loss": 1.0}, {"pesq": 2.0})
    assert "loss" in (tmp_path / "train_log.txt").read_text()
    assert "pesq" in (tmp_path / "training.jsonl").read_text()
    assert any((tmp_path / "tensorboard").iterdir())
