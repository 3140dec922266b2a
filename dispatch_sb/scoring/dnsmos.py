"""DNSMOS P.835: predicted opinion of speech, background and overall quality,
without a reference. Runs the ONNX model that the package speechmos ships.

The model hears windows of 9.01 s, one second apart, and nearly all of its
19 billion multiplications for a window are convolutions over 900 frames, of
which the next window has 800 too. So the network is cut in two behind its
sixth convolution. The first part runs once over all frames, and again over the
few at each window's ends, where zeros take the place of neighbours; the second
part, of 0.2 %, runs over each window.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
from collections.abc import Callable
from importlib import resources

import numpy as np

from dispatch_sb.scoring.signals import check_signal

SAMPLE_RATE = 16000
WINDOW = int(9.01 * SAMPLE_RATE)  # samples that the model hears at once

# Frames of the model: 20 ms, every 10 ms. The cut has one column for four.
FRAME, HOP = 320, 160
FRAMES = 900  # of a window
COLUMN = 4
REACH = 12  # frames beyond a column that it depends on, in whole columns
PIECE = 400  # frames at a time: little memory, little computed twice
INPUT = "mos_estimator_logpow/concat:0"  # names inside the model
CUT = "mos_estimator_logpow/conv2d_5/Relu:0"
OUTPUT = "Identity:0"

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
    raw = _hear(*repeated(signal))
    curves = zip((SIGNAL, BACKGROUND, OVERALL), raw.T, strict=True)
    means = [float(np.polyval(curve, value).mean()) for curve, value in curves]
    return dict(
        zip(("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"), means, strict=True)
    )


def repeated(signal: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Lengthen a signal, and say where the windows are that the model hears.

    Arguments
    ---------
    signal : np.ndarray
        Waveform at 16 kHz, shape [samples].

    Returns
    -------
    np.ndarray
        The waveform, doubled until it lasts 9.01 s.
    list of int
        First sample of each window of 144160.

    Example
    -------
    >>> repeated(np.zeros(12 * 16000))[1]
    [0, 16000, 32000]
    >>> repeated(np.zeros(10 * 16000))[1]  # only the first is complete
    [0]
    """
    while signal.size < WINDOW:  # doubling, as the reference does
        signal = np.append(signal, signal)
    count = max(int(signal.size // SAMPLE_RATE - 9.01) + 1, 1)
    starts = []
    for second in range(count):
        start = second * SAMPLE_RATE
        # In floating point the reference loses a sample of some windows, and
        # then leaves the window out; published scores have that inside.
        stop = min(int((second + 9.01) * SAMPLE_RATE), signal.size)
        if stop - start >= WINDOW:
            starts.append(start)
    return signal, starts


def _hear(signal: np.ndarray, starts: list[int]) -> np.ndarray:
    """The network's raw answers for each window, [windows, 3]."""
    trunk, head = _network()
    frames = np.lib.stride_tricks.sliding_window_view(signal, FRAME)[::HOP]
    firsts = [start // HOP for start in starts]
    columns = _columns(trunk, frames[: firsts[-1] + FRAMES])
    edge, answers = REACH // COLUMN, []
    for first in firsts:
        last = first + FRAMES
        window = columns[:, :, first // COLUMN : last // COLUMN].copy()
        left = trunk(frames[first : first + 2 * REACH])
        right = trunk(frames[last - 2 * REACH : last])
        window[:, :, :edge] = left[:, :, :edge]
        window[:, :, -edge:] = right[:, :, -edge:]
        answers.append(head(window)[0])
    return np.stack(answers)


def _columns(trunk: Callable, frames: np.ndarray) -> np.ndarray:
    """The first part over all frames, [1, channels, columns, bands]."""
    pieces = []
    for start in range(0, len(frames), PIECE):
        before = min(start, REACH)
        found = trunk(frames[start - before : start + PIECE + REACH])
        skip = before // COLUMN
        pieces.append(found[:, :, skip : skip + PIECE // COLUMN])
    return np.concatenate(pieces, axis=2)


@functools.lru_cache(maxsize=1)
def _network() -> tuple[Callable, Callable]:
    """Both parts: frames [n, 320] to columns, columns to raw answers."""
    import onnx

    path = resources.files("speechmos") / "dnsmos_models/sig_bak_ovr.onnx"
    model = onnx.load_from_string(path.read_bytes())
    del model.graph.value_info[:]
    for name, rank in ((INPUT, 3), (CUT, 4)):  # of any size
        model.graph.value_info.append(
            onnx.helper.make_tensor_value_info(
                name, onnx.TensorProto.FLOAT, [None] * rank
            )
        )
    extractor = onnx.utils.Extractor(model)
    first = _session(extractor.extract_model([INPUT], [CUT]))
    second = _session(extractor.extract_model([CUT], [OUTPUT]))

    def trunk(frames):
        return first.run(None, {INPUT: np.ascontiguousarray(frames)[None]})[0]

    def head(columns):
        return second.run(None, {CUT: columns})[0]

    return trunk, head


def _session(model):
    """One thread, as scoring runs in processes; a GPU if there is one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        # Full precision: TF32 would change the scores.
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": 0}))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=providers
    )
