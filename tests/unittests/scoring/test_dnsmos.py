"""DNSMOS without its package's dependencies.

Authors
 * The dispatch-sb contributors, 2026
"""

import sys
from importlib import resources

import numpy as np
import onnxruntime
import pytest

from dispatch_sb.scoring import dnsmos, dnsmos_scores


def reference_lengths(samples):
    """How many samples each window has in speechmos.dnsmos, as written."""
    while samples < dnsmos.WINDOW:
        samples *= 2
    hops = int(np.floor(samples / 16000) - 9.01) + 1
    cut = [
        min(int((i + 9.01) * 16000), samples) - i * 16000 for i in range(hops)
    ]
    return [n for n in cut if n >= dnsmos.WINDOW]


@pytest.mark.parametrize("seconds", [0.2, 2.0, 4.3, 8.51, 9.01, 10.0, 19.5])
def test_windows_are_those_of_the_reference(seconds):
    samples = int(seconds * 16000)
    signal, starts = dnsmos.repeated(np.arange(samples, dtype=np.float32))
    assert len(starts) == len(reference_lengths(samples))
    assert signal.size >= starts[-1] + dnsmos.WINDOW
    assert starts[0] == 0 and all(start % 16000 == 0 for start in starts)


@pytest.mark.parametrize("seconds", [3.1, 11.3])
def test_shared_frames_give_what_the_whole_network_gives(
    speech, noisy, seconds
):
    """Window by window through the model as it was published."""
    estimate = noisy(speech(seconds), 5)
    path = resources.files("speechmos") / "dnsmos_models/sig_bak_ovr.onnx"
    model = onnxruntime.InferenceSession(path.read_bytes())
    signal, starts = dnsmos.repeated(estimate)
    assert len(starts) > 1
    raw = [
        model.run(
            None, {"input_1": signal[None, start : start + dnsmos.WINDOW]}
        )[0][0]
        for start in starts
    ]
    expected = [
        np.polyval(curve, value).mean()
        for curve, value in zip(
            (dnsmos.SIGNAL, dnsmos.BACKGROUND, dnsmos.OVERALL),
            np.transpose(raw),
        )
    ]
    scores = dnsmos_scores(estimate, 16000)
    assert list(scores.values()) == pytest.approx(expected, abs=1e-5)


def test_noise_lowers_every_score_and_the_level_counts(speech, noisy):
    clean = speech(9.1)  # one window
    quiet, loud, faint = (
        dnsmos_scores(signal, 16000)
        for signal in (clean, noisy(clean, 0), 0.01 * clean)
    )
    assert set(quiet) == {"dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"}
    assert loud["dnsmos_bak"] < quiet["dnsmos_bak"] - 0.5
    assert loud["dnsmos_ovrl"] < quiet["dnsmos_ovrl"]
    assert faint != quiet
    assert "speechmos.dnsmos" not in sys.modules  # it would need librosa
