"""The vectorised composite measure against a literal re-statement of its
definition, frame by frame and band by band.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz

from dispatch_sb.scoring import composite, composite_scores, segmental_snr


def frames_of(signal, rate):
    """Windowed frames, one at a time."""
    length = round(0.03 * rate)
    step = length // 4
    window = np.hanning(length + 2)[1:-1]
    for index in range(int(len(signal) / step - length / step)):
        yield signal[index * step : index * step + length] * window


def literal(distance, clean, other, rate):
    """Mean distance of the nearest 95 % of the frames."""
    pairs = zip(frames_of(clean, rate), frames_of(other, rate))
    values = sorted(distance(x, y, rate) for x, y in pairs)
    return np.mean(values[: math.floor(0.95 * len(values) + 0.5)])


def predictor(lags):
    """Prediction error filter from the normal equations."""
    return np.concatenate([[1], -solve_toeplitz(lags[:-1], lags[1:])])


def llr_of(x, y, rate):
    """Ratio of prediction errors on the clean frame."""
    order = 16 if rate >= 10000 else 10
    lags, other_lags = (
        np.correlate(z, z, "full")[len(z) - 1 :][: order + 1] for z in (x, y)
    )
    matrix = toeplitz(lags)
    a, b = predictor(other_lags), predictor(lags)
    return math.log((a @ matrix @ a) / (b @ matrix @ b))


def band_levels(frame, rate):
    """Level in dB of each critical band."""
    size = 2 ** math.ceil(math.log2(2 * len(frame)))
    power = np.abs(np.fft.fft(frame, size)[: size // 2]) ** 2
    bins = np.arange(size // 2)
    levels = []
    for centre, width in zip(composite.CENTRES, composite.WIDTHS):
        place = math.floor(centre / (rate / 2) * (size // 2))
        spread = width / (rate / 2) * (size // 2)
        gain = np.exp(-11 * ((bins - place) / spread) ** 2) * 70 / width
        gain[gain <= math.exp(-30 / (2 * 2.303))] = 0
        levels.append(10 * math.log10(max(power @ gain, 1e-10)))
    return levels


def slopes_and_weights(levels):
    """Klatt's weights, walking from each band to its peak."""
    slopes = [b - a for a, b in zip(levels, levels[1:])]
    weights = []
    for band, slope in enumerate(slopes):
        n = band
        if slope > 0:
            while n < len(slopes) and slopes[n] > 0:
                n += 1
            peak = levels[n - 1]
        else:
            while n >= 0 and slopes[n] <= 0:
                n -= 1
            peak = levels[n + 1]
        top = 20 / (20 + max(levels) - levels[band])
        weights.append(top / (1 + peak - levels[band]))
    return np.array(slopes), np.array(weights)


def slope_of(x, y, rate):
    """Weighted squared difference of the slopes."""
    slope, weight = slopes_and_weights(band_levels(x, rate))
    other_slope, other_weight = slopes_and_weights(band_levels(y, rate))
    total = (weight + other_weight) / 2
    return (total * (slope - other_slope) ** 2).sum() / total.sum()


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("snr", [0, 15])
def test_llr_and_slope_equal_the_definition(speech, noisy, rate, snr):
    clean = speech().astype(np.float64)
    other = noisy(clean, snr).astype(np.float64)
    llr = composite.log_likelihood_ratio(clean, other, rate)
    slope = composite.weighted_spectral_slope(clean, other, rate)
    pair = clean, other, rate
    assert llr == pytest.approx(literal(llr_of, *pair), rel=1e-6)
    assert slope == pytest.approx(literal(slope_of, *pair), rel=1e-6)
    assert llr > 0 and slope > 0
    if snr == 15:  # Hu and Loizou's regression, within 1 and 5
        snr = segmental_snr(clean, other, rate)
        expected = {
            "csig": 3.093 - 1.029 * llr + 0.603 * 2.5 - 0.009 * slope,
            "cbak": 1.634 + 0.478 * 2.5 - 0.007 * slope + 0.063 * snr,
            "covl": 1.594 + 0.805 * 2.5 - 0.512 * llr - 0.007 * slope,
        }
        scores = composite_scores(clean, other, rate, pesq=2.5)
        assert scores == pytest.approx(expected)


def test_scores_stay_within_one_and_five(speech, noisy):
    clean = speech()
    worst = composite_scores(clean, noisy(clean, -30), 16000, pesq=1.0)
    assert min(worst.values()) == 1.0


def test_digital_silence_inside_an_utterance_has_finite_scores(speech, noisy):
    clean = speech()
    clean[8000:16000] = 0
    other = noisy(clean, 10)
    other[8000:16000] = 0
    scores = composite_scores(clean, other, 16000, pesq=2.5)
    assert all(np.isfinite(value) for value in scores.values())
