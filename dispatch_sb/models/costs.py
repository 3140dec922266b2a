"""What a model costs: parameters, multiply-accumulates, speed, latency.

Two counters of multiply-accumulates (MACs) are compared, because each has
known gaps: torch's counts none inside an LSTM; ptflops leaves out attention
and the operator `@`, and adds biases and activations; both leave the Fourier
transforms out.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
    latency_ms : float
        Algorithmic latency in milliseconds: what the model waits for, not
        what it computes.
    """

    name: str
    parameters: int
    macs_torch: float
    macs_ptflops: float
    real_time_factor: float
    latency_ms: float


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


def _macs_torch(model: nn.Module, samples: int) -> float:
    """MACs of one forward pass by torch's counter, attention included."""
    with FlopCounterMode(display=False) as counter:
        # Only this form of attention is made of operations that it counts.
        with sdpa_kernel(SDPBackend.MATH):
            model(torch.zeros(1, samples))
    return counter.get_total_flops() / 2


def _macs_ptflops(model: nn.Module, samples: int) -> float:
    """MACs of one forward pass by ptflops."""
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(
        model,
        (samples,),
        as_strings=False,
        print_per_layer_stat=False,
        verbose=False,
        backend="pytorch",
    )
    return float(macs)


def macs_per_second(model: nn.Module, counter: str = "torch") -> float:
    """Counts multiply-accumulates per second of audio.

    The count of two seconds less that of one, so that the frames at the edges
    drop out.

    Arguments
    ---------
    model : torch.nn.Module
        Waveforms ``[1, samples]`` in and out, with ``sample_rate``.
    counter : str
        ``"torch"`` or ``"ptflops"``.

    Returns
    -------
    float
        MACs per second, Fourier transforms not included.

    Raises
    ------
    ValueError
        If there is no such counter.

    Example
    -------
    >>> from dispatch_sb.models import FastEnhancer
    >>> model = FastEnhancer.from_size("T").eval()
    >>> round(macs_per_second(model) / 1e6)
    59
    """
    counters = {"torch": _macs_torch, "ptflops": _macs_ptflops}
    if counter not in counters:
        raise ValueError(
            f"Counters of MACs are {', '.join(counters)}; got {counter!r}."
        )
    count = counters[counter]
    with torch.inference_mode():
        once, twice = (count(model, n * model.sample_rate) for n in (1, 2))
    return twice - once


@contextmanager
def _one_thread():
    """Lets torch use one thread only, then as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
        If ``seconds`` or ``runs`` is not positive.
    """
    if seconds <= 0 or runs < 1:
        raise ValueError(
            f"seconds and runs must be positive, got {seconds} and {runs}."
        )
    noise = torch.randn(1, round(seconds * model.sample_rate))
    times = []
    with _one_thread(), torch.inference_mode():
        for _ in range(runs + 1):
            start = time.perf_counter()
            model(noise)
            times.append(time.perf_counter() - start)
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
        macs_torch=macs_per_second(model, "torch"),
        macs_ptflops=macs_per_second(model, "ptflops"),
        real_time_factor=factor,
        latency_ms=1000 * model.latency / model.sample_rate,
    )
