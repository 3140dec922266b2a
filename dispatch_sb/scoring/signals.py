"""Checks and framing that every metric on a pair of signals shares.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np


def check_signal(signal: np.ndarray, name: str) -> np.ndarray:
    """Return a signal as a new or shared float64 array fit for a metric.

    Arguments
    ---------
    signal : np.ndarray
        Waveform, shape [samples].
    name : str
        What the error message calls it: "reference" or "estimate".

    Returns
    -------
    np.ndarray
        float64, shape [samples]; callers never write to it.

    Raises
    ------
    ValueError
        If it is not one-dimensional, is empty, holds NaN or infinite
        samples, or is constant (digital silence).

    Example
    -------
    >>> check_signal(np.array([0.0, 0.5], dtype=np.float32), "estimate")
    array([0. , 0.5])
    """
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 1:
        raise ValueError(
            f"the {name} has shape {signal.shape}: give one channel [samples]"
        )
    if signal.size == 0:
        raise ValueError(f"the {name} is empty")
    if not np.isfinite(signal).all():
        raise ValueError(f"the {name} has NaN or infinite samples")
    if signal.max() == signal.min():
        raise ValueError(f"the {name} is silent")
    return signal


def check_pair(
    reference: np.ndarray, estimate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Check both signals, and that they have the same length.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].

    Returns
    -------
    tuple of np.ndarray
        Both as float64, shape [samples].

    Raises
    ------
    ValueError
        If a signal is unfit (see `check_signal`) or the lengths differ:
        metrics would score shifted or cut speech without a word.

    Example
    -------
    >>> check_pair(np.arange(3), np.arange(4))
    Traceback (most recent call last):
        ...
    ValueError: the estimate has 4 samples, the reference 3
    """
    reference = check_signal(reference, "reference")
    estimate = check_signal(estimate, "estimate")
    if reference.size != estimate.size:
        raise ValueError(
            f"the estimate has {estimate.size} samples, "
            f"the reference {reference.size}"
        )
    return reference, estimate


def hann_frames(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """Cut a signal into the windowed frames of Hu & Loizou's composite.m.

    30 ms frames, three quarters overlapping, under a Hann window without
    its zeros. As there, the last frame that would fit is not used.

    Arguments
    ---------
    signal : np.ndarray
        Waveform, shape [samples].
    sample_rate : int
        Hz.

    Returns
    -------
    np.ndarray
        float64, shape [frames, 0.03 · sample_rate].

    Raises
    ------
    ValueError
        If the signal is too short for a single frame.

    Example
    -------
    >>> hann_frames(np.ones(16000), 16000).shape
    (129, 480)
    """
    length = round(0.03 * sample_rate)
    step = length // 4
    count = int(signal.size / step - length / step)
    if count < 1:
        raise ValueError(
            f"{signal.size} samples are too short: 30 ms frames need "
            f"at least {length + step}"
        )
    time = np.arange(1, length + 1) / (length + 1)
    window = 0.5 * (1 - np.cos(2 * np.pi * time))
    frames = np.lib.stride_tricks.sliding_window_view(signal, length)
    return frames[::step][:count] * window
