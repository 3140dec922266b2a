"""Costs of models: counters, speed, the table.

Authors
 * The dispatch-sb contributors, 2026
"""

import time

import pytest
import torch
from torch import nn

from dispatch_sb.models import DCCRN, FastEnhancer, costs

COUNTERS = [costs.macs_by_torch, costs.macs_by_ptflops]


class Filter(nn.Module):
    """One convolution, of known cost, which works for a known share of real
    time, on the threads that it is given."""

    sample_rate = 1000
    latency = 20

    def __init__(self, factor=0.0):
        super().__init__()
        self.enter = nn.Conv1d(1, 4, 5, padding=2, bias=False)
        self.leave = nn.Conv1d(4, 1, 1, bias=False)
        self.factor = factor
        self.threads = []

    def forward(self, noisy):
        self.threads.append(torch.get_num_threads())
        time.sleep(self.factor * noisy.shape[1] / self.sample_rate)
        return self.leave(self.enter(noisy[:, None]))[:, 0]


@pytest.mark.parametrize("counter", COUNTERS)
def test_macs_of_a_convolution_are_exact(counter):
    # Per sample: 4 channels * 5 taps, then 4 channels * 1 tap.
    assert costs.macs_per_second(Filter(), counter) == 1000 * (20 + 4)


def test_macs_include_attention_which_other_backends_hide():
    class Attention(nn.Module):
        sample_rate = 8

        def forward(self, noisy):
            frames = noisy.view(-1, 1, 8, 1).expand(-1, 2, 8, 4)
            attend = nn.functional.scaled_dot_product_attention
            return attend(frames, frames, frames)

    # One frame: 2 heads * 8 * 8 positions * 4 channels, twice.
    assert costs.macs_per_second(Attention()) == 2 * 8 * 8 * 4 * 2


def test_dccrn_costs_what_was_published_in_the_published_way_of_counting():
    """There, every output of a transposed convolution costs a whole kernel
    (half of the outputs are between the inputs), and a second has 163 frames.
    """
    model = DCCRN.from_size("published").eval()
    frame, bins = costs.macs_per_second(model) / 160, 4
    recurrent = 2 * 2 * 4 * 128 * (512 + 3 * 128) + 2 * 128 * 512
    transposed = 0
    for layer in model.decoder:
        transposed += 4 * layer.real.weight.numel() * bins
        bins *= 2
    assert frame == 17_121_280 + transposed + recurrent
    assert 163 * (frame + transposed) == pytest.approx(14.4e9, rel=0.01)


@pytest.mark.parametrize("size", FastEnhancer.SIZES)
def test_fast_enhancer_costs_what_was_published(size):
    model = costs.deployed(FastEnhancer.from_size(size))
    units = {"K": 1e3, "M": 1e6, "G": 1e9}
    published = costs.PUBLISHED[f"FastEnhancer-{size}"]
    figures = [(float(n), units[u]) for n, u in map(str.split, published)]
    parameters, macs = (number * unit for number, unit in figures)
    assert costs.count_parameters(model) == pytest.approx(parameters, 0.015)
    counted, other = (costs.macs_per_second(model, c) for c in COUNTERS)
    assert counted == pytest.approx(macs, rel=0.02)
    assert other == pytest.approx(counted, rel=0.08)


def test_a_profiled_model_is_left_as_it_was():
    model = Filter().train()
    names = {name for name, _ in model.named_modules()}
    result = costs.profile_model(model, "filter", seconds=0.1, runs=1)
    assert model.training and not model.enter._forward_hooks
    assert names == {name for name, _ in model.named_modules()}
    assert not hasattr(model, "start_flops_count")
    assert (result.parameters, result.latency_ms) == (24, 20.0)


@pytest.fixture
def two_threads():
    """Torch with two, and afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_real_time_factor_is_time_per_second_on_one_thread(two_threads):
    model = Filter(factor=0.5)
    factor = costs.real_time_factor(model, seconds=0.1, runs=3)
    assert 0.5 <= factor < 2
    assert model.threads == [1] * 4
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("seconds, runs", [(0, 1), (1.0, 0)])
def test_lengths_and_runs_must_be_positive(seconds, runs):
    with pytest.raises(ValueError, match=rf"{seconds}.*{runs}"):
        costs.real_time_factor(Filter(), seconds, runs)


def test_the_table_stands_beside_the_published_figures():
    known = costs.Profile("FastEnhancer-T", 21774, 59e6, 58e6, 0.012, 32.0)
    other = costs.Profile("mine", 1_000_000, 1e9, 1e9, 0.3, 20.0)
    table = costs.format_profiles([known, other])
    head, first, second, *_ = table.splitlines()
    assert len(head) == len(first) == len(second)
    assert "22 K" in first and "60 M" in first and "-1.7 %" in first
    assert "1,000,000" in second and "1.00 G" in second and "20 ms" in second
