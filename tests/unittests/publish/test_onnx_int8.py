"""Weights in 8 bits, and the benchmark that times them."""

from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from dispatch_sb.publish.onnx_int8 import quantise
from dispatch_sb.publish.onnx_loss import PesqLoss

BENCHMARK = run_path(
    str(Path(__file__).parents[3] / "benchmarks" / "streaming.py")
)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_rounding_errs_by_half_a_step_of_the_channel(axis):
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4, 5, 6)).astype(np.float32)
    weights *= np.geomspace(0.01, 10, 5, dtype=np.float32)[:, None]
    integers, scale = quantise(weights, axis)
    assert integers.dtype == np.int8 and integers.min() >= -127
    assert scale.shape == (weights.shape[axis],)
    shape = [1, 1, 1]
    shape[axis] = -1
    scale = scale.reshape(shape)
    error = np.abs(integers * scale - weights)
    assert (error <= 0.5001 * scale).all() and error.max() > 0


def test_a_channel_of_zeros_stays_zero():
    integers, scale = quantise(np.zeros((2, 3), np.float32), 0)
    assert not integers.any() and np.isfinite(scale).all()


@pytest.mark.parametrize(
    "loss, acceptable", [(-0.01, True), (0.03, True), (0.031, False)]
)
def test_what_is_acceptable(loss, acceptable):
    assert (
        PesqLoss(2.0, 2.0 - loss, loss, [0, 0], 9, 0).acceptable == acceptable
    )


def test_the_rival_s_transforms_reconstruct_speech():
    # GTCRN with a network that changes nothing: a delay of one frame less a hop
    gtcrn = object.__new__(BENCHMARK["Gtcrn"])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    gtcrn.window, gtcrn.transforms = np.sqrt(window).astype(np.float32), True
    gtcrn.mask = lambda spectrum, caches: (spectrum, caches)
    noise = np.random.default_rng(0).standard_normal(2560).astype(np.float32)
    state, hops = (np.zeros((2, 256), np.float32), {}), []
    for start in range(0, 2560, 256):
        hop, state = gtcrn(noise[start : start + 256], state)
        hops.append(hop)
    np.testing.assert_allclose(
        np.concatenate(hops)[256:], noise[:-256], atol=1e-5
    )


def test_every_round_times_every_hop():
    class Copy:
        hop, sample_rate = 100, 16000

        def initial_state(self):
            return 0

        def __call__(self, hop, state):
            return hop, state + 1

    enhancers = {"one": Copy(), "two": Copy()}
    taken = BENCHMARK["measure"](enhancers, np.zeros(1050, np.float32), 3)
    assert list(taken) == ["one", "two"]
    for rounds in taken.values():
        assert [len(hops) for hops, _ in rounds] == [10, 10, 10]
        work, clock = BENCHMARK["real_time_factors"](rounds, Copy())
        assert len(work) == 3 and clock > 0
