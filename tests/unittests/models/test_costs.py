"""Costs of models: counters, speed, the table, a model from its folder.

Authors
 * The dispatch-sb contributors, 2026
"""

import time

import pytest
import torch
from torch import nn

from dispatch_sb.models import FastEnhancer, costs
from dispatch_sb.models.fast_enhancer import SIZES
from dispatch_sb.models.profile_table import PUBLISHED, amount, format_profiles


class Filter(nn.Module):
    """One convolution: its cost is known by hand."""

    sample_rate = 1000
    latency = 20

    def __init__(self, channels=4, kernel=5):
        super().__init__()
        self.enter = nn.Conv1d(1, channels, kernel, padding=2, bias=False)
        self.leave = nn.Conv1d(channels, 1, 1, bias=False)

    def forward(self, noisy):
        return self.leave(self.enter(noisy[:, None]))[:, 0]


class Slow(nn.Module):
    """Works for a known share of real time, on the threads it is given."""

    sample_rate = 1000

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.threads = []

    def forward(self, noisy):
        self.threads.append(torch.get_num_threads())
        time.sleep(self.factor * noisy.shape[1] / self.sample_rate)
        return noisy


@pytest.mark.parametrize("counter", ["torch", "ptflops"])
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


def test_an_unknown_counter_is_refused():
    with pytest.raises(ValueError, match="torch, ptflops.*thop"):
        costs.macs_per_second(Filter(), "thop")


def number(text):
    """Of an amount with its unit."""
    figure, unit = text.split()
    return float(figure) * {"K": 1e3, "M": 1e6, "G": 1e9}[unit]


@pytest.mark.parametrize("size", SIZES)
def test_fast_enhancer_costs_what_was_published(size):
    model = costs.deployed(FastEnhancer.from_size(size))
    parameters, macs = map(number, PUBLISHED[f"FastEnhancer-{size}"])
    counted = costs.count_parameters(model)
    assert counted == pytest.approx(parameters, rel=0.015)
    counted = costs.macs_per_second(model)
    assert counted == pytest.approx(macs, rel=0.02)
    other = costs.macs_per_second(model, "ptflops")
    assert other == pytest.approx(counted, rel=0.08)


def test_a_profiled_model_is_left_as_it_was():
    model = Filter().train()
    names = {name for name, _ in model.named_modules()}
    hooks = len(model.enter._forward_hooks)
    result = costs.profile_model(model, "filter", seconds=0.1, runs=1)
    assert model.training and hooks == len(model.enter._forward_hooks)
    assert names == {name for name, _ in model.named_modules()}
    assert not hasattr(model, "start_flops_count")
    assert (result.parameters, result.latency_ms) == (24, 20.0)


def test_the_real_time_factor_is_time_per_second_on_one_thread():
    torch.set_num_threads(2)
    model = Slow(factor=0.5)
    factor = costs.real_time_factor(model, seconds=0.1, runs=3)
    assert 0.5 <= factor < 2
    assert model.threads == [1] * 4
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("seconds, runs", [(0, 1), (-1.0, 1), (1.0, 0)])
def test_lengths_and_runs_must_be_positive(seconds, runs):
    with pytest.raises(ValueError, match=rf"{seconds}.*{runs}"):
        costs.real_time_factor(Slow(0.0), seconds, runs)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 K"),
        (21774, "21.8 K"),
        (194_418, "194 K"),
        (999_600, "1.00 M"),
        (9.97e6, "9.97 M"),
        (12e9, "12.0 G"),
    ],
)
def test_amounts_have_three_digits(value, text):
    assert amount(value) == text


def test_the_table_stands_beside_the_published_figures():
    known = costs.Profile("FastEnhancer-T", 21774, 59e6, 58e6, 0.012, 32.0)
    other = costs.Profile("mine", 1_000_000, 1e9, 1e9, 0.3, 20.0)
    head, first, second, *notes = format_profiles([known, other]).splitlines()
    assert len(head) == len(first) == len(second)
    assert "22 K" in first and "60 M" in first and "-1.7 %" in first
    assert "1,000,000" in second and "1.00 G" in second and "20 ms" in second
    assert any("one" in note for note in notes)
