"""Of an epoch it is said how fast it was, and what bounded it.

Authors
 * The dispatch-sb contributors, 2026
"""

import time

import pytest
import torch
from speechbrain.dataio.batch import PaddedData

from dispatch_sb.training.throughput import EpochClock, sentence

SIGNAL = PaddedData(torch.zeros(4, 8000), torch.tensor([1, 1, 0.5, 0.5]))


def epoch(device, data=0.0, host=0.0, end=0.0, processes=1):
    """An epoch of two steps that takes such seconds for the parts of each."""
    clock = EpochClock(device, processes=processes)
    for _ in range(2):
        time.sleep(data)
        clock.arrived(SIGNAL)
        time.sleep(host)
        clock.queued()
        time.sleep(end)
        clock.stepped()
    return clock.summary()


@pytest.fixture
def gpu(monkeypatch):
    """What a GPU would say of its memory."""
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    return "cuda"


@pytest.mark.parametrize(
    "parts, bound",
    [
        ({"data": 0.03, "host": 0.01}, "data"),
        ({"data": 0.002, "host": 0.03, "end": 0.02}, "compute"),
        ({"host": 0.04}, "host"),
    ],
)
def test_what_bounded_an_epoch_on_a_gpu(gpu, parts, bound):
    found = epoch(gpu, **parts)
    assert found["bounded_by"] == bound
    shares = [found[name] for name in ("data", "compute", "host")]
    assert min(shares) >= 0 and sum(shares) == pytest.approx(1)
    assert found["peak_gib"] == 1


def test_on_a_cpu_all_but_the_data_is_compute():
    found = epoch("cpu", data=0.002, host=0.04)
    assert found["bounded_by"] == "compute" and "host" not in found
    assert found["cpus"] < 0.5 and found["peak_gib"] > 0.01


def test_audio_is_counted_without_padding_over_all_processes():
    found = epoch("cpu", host=0.01, processes=3)
    hours = found["hours_per_minute"] * found["seconds"] / 60
    assert hours * 3600 == pytest.approx(3 * 2 * 1.5)
    assert "hours of audio per minute" in sentence(1, found)
