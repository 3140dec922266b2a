"""The benchmark that times streaming, beside another network."""

from pathlib import Path
from runpy import run_path

import numpy as np

BENCHMARK = run_path(
    str(Path(__file__).parents[3] / "benchmarks" / "streaming.py")
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
