"""What a model costs: parameters, multiply-accumulates, speed, latency; and
the table of it that `dispatch-sb profile` prints.

Two counters of multiply-accumulates (MACs) are compared. ptflops leaves out
attention, the operator `@` and complex convolutions, and adds biases and
activations; both leave the Fourier transforms out.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

# Parameters and MACs per second as published: arXiv 2509.21867, 2502.04711
# and 1809.07454.
PUBLISHED = {
    "FastEnhancer-T": ("22 K", "60 M"),
    "FastEnhancer-B": ("91 K", "262 M"),
    "FastEnhancer-S": ("194 K", "664 M"),
    "FastEnhancer-M": ("492 K", "2.9 G"),
    "FastEnhancer-L": ("1.105 M", "12 G"),
    "DCCRN-published": ("3.67 M", "14.4 G"),
    "ConvTasNet-published": ("5.1 M", ""),
    "causal ConvTasNet-published": ("5.1 M", ""),
}
HEAD = (
    "model",
    "parameters",
    "(published)",
    "MACs/s by torch",
    "by ptflops",
    "difference",
    "(published)",
    "real-time factor",
    "latency",
)
NOTES = """
Parameters and MACs as deployed: normalisations folded into their layers,
Fourier transforms not counted. ptflops leaves out attention, the operator `@`
and complex convolutions, and adds biases and activations. DCCRN's published
14.4 G count a transposed convolution by its outputs, twice what it computes,
and 163 frames a second where 160 pass. Conv-TasNet's published 5.1 M include
skip branches, which SpeechBrain's network has not. Real-time factor: whole
utterance, one CPU thread, median of the runs. Latency: what the algorithm
waits for."""


@dataclass(frozen=True)
class Profile:
    """Costs of one model, as it is deployed.

    Arguments
    ---------
    name : str
        Name in the table.
    parameters : int
        Number of parameters.
    macs_torch : float
        MACs per second of audio, by torch's counter.
    macs_ptflops : float
        The same by ptflops.
    real_time_factor : float
        Seconds of work per second of audio, on one thread of this machine.
    latency_ms : float or None
        Algorithmic latency in milliseconds: what the model waits for, not
        what it computes.
    """

    name: str
    parameters: int
    macs_torch: float
    macs_ptflops: float
    real_time_factor: float
    latency_ms: float | None


def deployed(model: nn.Module) -> nn.Module:
    """Brings a model into the form that runs in production.

    Arguments
    ---------
    model : torch.nn.Module
        Any enhancement model.

    Returns
    -------
    torch.nn.Module
        A copy in eval mode: what ``model.fused()`` returns, where the model
        has that.
    """
    fused = getattr(model, "fused", None)
    return (fused() if fused else copy.deepcopy(model)).eval()


def count_parameters(model: nn.Module) -> int:
    """Counts parameters.

    Arguments
    ---------
    model : torch.nn.Module
        Any module.

    Returns
    -------
    int
        Number of elements of all parameters.

    Example
    -------
    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in model.parameters())


def macs_by_torch(model: nn.Module, samples: int) -> float:
    """MACs of one forward pass by torch's counter, attention and recurrent
    networks included.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in.
    samples : int
        Length of the waveform.

    Returns
    -------
    float
    """
    fused = {torch.ops.aten.mkldnn_rnn_layer: _lstm_operations}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        # Only this form of attention is made of operations that it counts.
        with sdpa_kernel(SDPBackend.MATH):
            model(torch.zeros(1, samples))
    return counter.get_total_flops() / 2


def _lstm_operations(frames, entry, again, *_, **__) -> int:
    """What torch's counter does not know: an LSTM on a CPU, from the shapes
    of its input and of both matrices."""
    return 2 * math.prod(frames[:2]) * (math.prod(entry) + math.prod(again))


def macs_by_ptflops(model: nn.Module, samples: int) -> float:
    """MACs of one forward pass by ptflops.

    Arguments
    ---------
    model, samples : see `macs_by_torch`

    Returns
    -------
    float
    """
    from ptflops import get_model_complexity_info
    from ptflops.pytorch_ops import MODULES_MAPPING

    # ptflops knows torch's own layers, but not what is derived from them.
    kinds = {type(module) for module in model.modules()} - {*MODULES_MAPPING}
    derived = {
        kind: MODULES_MAPPING[base]
        for kind in kinds
        for base in kind.__mro__
        if base in MODULES_MAPPING
    }
    macs, _ = get_model_complexity_info(
        model,
        (samples,),
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
        backend="pytorch",
        custom_modules_hooks=derived,
    )
    return float(macs)


def macs_per_second(
    model: nn.Module,
    counter: Callable[[nn.Module, int], float] = macs_by_torch,
) -> float:
    """Counts multiply-accumulates per second of audio.

    The count of two seconds less that of one, so that the frames at the edges
    drop out.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in and out, with ``sample_rate``.
    counter : callable
        `macs_by_torch` or `macs_by_ptflops`.

    Returns
    -------
    float
        MACs per second, Fourier transforms not included.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> model = FastEnhancer.from_size("T").eval()
    >>> round(macs_per_second(model) / 1e6)
    59
    """
    with torch.inference_mode():
        once, twice = (counter(model, n * model.sample_rate) for n in (1, 2))
    return twice - once


def real_time_factor(
    model: nn.Module, seconds: float = 10.0, runs: int = 5
) -> float:
    """Measures how much of real time a whole-utterance pass takes.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in and out, with ``sample_rate``.
    seconds : float
        Length of the signal.
    runs : int
        Timed runs after one that is not timed; the median counts.

    Returns
    -------
    float
        Seconds of work per second of audio, on one CPU thread.

    Raises
    ------
    ValueError
        If ``seconds`` or ``runs`` makes no sense.
    """
    if not 0.1 <= seconds <= 3600 or runs < 1:
        raise ValueError(
            f"seconds is {seconds} and runs {runs}: give 0.1 to 3600 seconds, "
            "and 1 run or more."
        )
    noise = torch.randn(1, round(seconds * model.sample_rate))
    times, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for _ in range(runs + 1):
                start = time.perf_counter()
                model(noise)
                times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return statistics.median(times[1:]) / seconds


def profile_model(
    model: nn.Module, name: str, seconds: float = 10.0, runs: int = 5
) -> Profile:
    """Measures all costs of a model in its deployed form.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in and out, with ``sample_rate`` and
        ``latency``.
    name : str
        Name in the table.
    seconds : float
        Length of the signal that the speed is measured on.
    runs : int
        Timed runs, of which the median counts.

    Returns
    -------
    Profile
        The costs.
    """
    model = deployed(model)
    factor = real_time_factor(model, seconds, runs)
    return Profile(
        name=name,
        parameters=count_parameters(model),
        macs_torch=macs_per_second(model),
        macs_ptflops=macs_per_second(model, macs_by_ptflops),
        real_time_factor=factor,
        latency_ms=model.latency and 1000 * model.latency / model.sample_rate,
    )


def amount(value: float) -> str:
    """Writes a count with three digits and a unit.

    Arguments
    ---------
    value : float
        The count.

    Returns
    -------
    str
        With K, M or G for thousands, millions or billions.

    Example
    -------
    >>> amount(59361280), amount(2.9098e9), amount(999_600), amount(999)
    ('59.4 M', '2.91 G', '1.00 M', '999')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= 0.9995 * size:  # what would round up to 1000
            return f"{value / size:#.3g}".rstrip(".") + f" {unit}"
    return f"{value:.0f}"


def _row(profile: Profile) -> tuple[str, ...]:
    """One line of the table, cell by cell."""
    parameters, macs = PUBLISHED.get(profile.name, ("", ""))
    wait = profile.latency_ms
    difference = profile.macs_ptflops / max(profile.macs_torch, 1) - 1
    return (
        profile.name,
        f"{profile.parameters:,}",
        parameters,
        amount(profile.macs_torch),
        amount(profile.macs_ptflops),
        f"{100 * difference:+.1f} %",
        macs,
        f"{profile.real_time_factor:.4f}",
        "utterance" if wait is None else f"{wait:.0f} ms",
    )


def format_profiles(profiles: Sequence[Profile]) -> str:
    """Lays profiles out as a table beside the published figures.

    Arguments
    ---------
    profiles : sequence of Profile
        One per line.

    Returns
    -------
    str
        The table, and what its columns mean.

    Example
    -------
    >>> table = format_profiles([Profile("mine", 1500, 2e6, 1.9e6, 0.5, 32)])
    >>> table.splitlines()[1].split()[-5:]
    ['-5.0', '%', '0.5000', '32', 'ms']
    """
    rows = [HEAD, *map(_row, profiles)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        )
        for row in rows
    ]
    return "\n".join(lines) + "\n" + NOTES
