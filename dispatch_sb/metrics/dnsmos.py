"""DNSMOS P.835: predicted opinion of speech, background and overall quality,
without a reference. Runs the ONNX model that the package speechmos ships.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
from importlib import resources

import numpy as np

from dispatch_sb.metrics.signals import check_signal

SAMPLE_RATE = 16000
WINDOW = int(9.01 * SAMPLE_RATE)  # samples that the model hears at once

# Raw network output -> opinion score; speechmos.dnsmos, the model for
# non-personalised speech. Highest power first.
SIGNAL = (-0.08397278, 1.22083953, 0.0052439)
BACKGROUND = (-0.13166888, 1.60915514, -0.39604546)
OVERALL = (-0.06766283, 1.11546468, 0.04602535)


def dnsmos_scores(estimate: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Return DNSMOS P.835 of one signal.

    Reddy et al., "DNSMOS P.835", ICASSP 2022. Equal to
    `speechmos.dnsmos.run`, whose import needs librosa; ours does not. Short
    signals are doubled until they last 9.01 s; long ones are heard in
    windows one second apart and averaged. The level matters and is left
    alone.

    Arguments
    ---------
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz; the model knows 16000 only.

    Returns
    -------
    dict
        "dnsmos_sig", "dnsmos_bak" and "dnsmos_ovrl", each about 1…5.

    Raises
    ------
    ValueError
        If the signal is unfit or has another sample rate.

    Example
    -------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> scores = dnsmos_scores(0.1 * noise, 16000)
    >>> scores["dnsmos_bak"] < 2
    True
    """
    signal = check_signal(estimate, "estimate").astype(np.float32)
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"DNSMOS needs {SAMPLE_RATE} Hz, not {sample_rate}")
    session = _session()
    raw = np.stack(
        [session.run(None, {"input_1": w[None]})[0][0] for w in windows(signal)]
    )
    curves = zip((SIGNAL, BACKGROUND, OVERALL), raw.T, strict=True)
    means = [float(np.polyval(curve, value).mean()) for curve, value in curves]
    return dict(
        zip(("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"), means, strict=True)
    )


def windows(signal: np.ndarray) -> list[np.ndarray]:
    """Cut a signal into the 9.01 s windows that the model hears.

    Arguments
    ---------
    signal : np.ndarray
        Waveform at 16 kHz, shape [samples].

    Returns
    -------
    list of np.ndarray
        Views or repeats, each of shape [144160].

    Example
    -------
    >>> [w.shape for w in windows(np.zeros(12 * 16000))]
    [(144160,), (144160,), (144160,)]
    >>> len(windows(np.zeros(10 * 16000)))  # only the first is complete
    1
    """
    while signal.size < WINDOW:  # doubling, as the reference does
        signal = np.append(signal, signal)
    count = max(int(signal.size // SAMPLE_RATE - 9.01) + 1, 1)
    found = []
    for second in range(count):
        start = second * SAMPLE_RATE
        # In floating point the reference loses a sample of some windows, and
        # then leaves the window out; published scores have that inside.
        stop = min(int((second + 9.01) * SAMPLE_RATE), signal.size)
        if stop - start >= WINDOW:
            found.append(signal[start : start + WINDOW])
    return found


@functools.lru_cache(maxsize=1)
def _session():
    """One single-threaded session per process; scoring runs in processes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    model = resources.files("speechmos") / "dnsmos_models/sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(
        model.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
