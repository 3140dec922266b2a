"""CSIG, CBAK and COVL: Hu & Loizou's composite measures, from log-likelihood
ratio, weighted spectral slope, segmental SNR and PESQ. Pure functions.

Formulas and constants: Y. Hu, P. Loizou, "Evaluation of objective quality
measures for speech enhancement", IEEE TASLP 16(1), 2008, and the authors'
composite.m. Like the literature on 16 kHz speech, we enter wide-band PESQ.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np

from dispatch_sb.scoring.intrusive import segmental_snr
from dispatch_sb.scoring.signals import check_pair, hann_frames

# Centres and widths in Hz of the 25 critical bands (composite.m).
CENTRES = np.array(
    [50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717]
    + [904.128, 1020.38, 1148.30, 1288.72, 1442.54, 1610.70, 1794.16]
    + [1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63]
)
WIDTHS = np.array(
    [70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411]
    + [116.256, 127.914, 140.423, 153.823, 168.154, 183.457, 199.776]
    + [217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136]
)


def composite_scores(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int, pesq: float
) -> dict[str, float]:
    """Return the three composite scores of one pair.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz.
    pesq : float
        The pair's PESQ: wide-band at 16 kHz.

    Returns
    -------
    dict
        "csig" (signal distortion), "cbak" (background) and "covl" (overall),
        each limited to 1…5.

    Raises
    ------
    ValueError
        If a signal is unfit or shorter than 38 ms.

    Example
    -------
    >>> clean = np.random.default_rng(0).standard_normal(16000)
    >>> composite_scores(clean, clean, 16000, pesq=4.64)
    {'csig': 5.0, 'cbak': 5.0, 'covl': 5.0}
    """
    llr = log_likelihood_ratio(reference, estimate, sample_rate)
    slope = weighted_spectral_slope(reference, estimate, sample_rate)
    snr = segmental_snr(reference, estimate, sample_rate)
    scores = {
        "csig": 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * slope,
        "cbak": 1.634 + 0.478 * pesq - 0.007 * slope + 0.063 * snr,
        "covl": 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * slope,
    }
    return {name: float(np.clip(v, 1, 5)) for name, v in scores.items()}


def log_likelihood_ratio(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> float:
    """Return the log-likelihood ratio of linear prediction, best 95 % frames.

    Per frame log(aᵀRa / bᵀRb), where R is the clean autocorrelation, b its
    linear predictor and a the estimate's; order 16 (10 below 10 kHz).

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz.

    Returns
    -------
    float
        0 for the same spectral envelope, more for a different one.

    Example
    -------
    >>> clean = np.random.default_rng(0).standard_normal(16000)
    >>> log_likelihood_ratio(clean, 0.5 * clean, 16000) < 1e-9
    True
    """
    clean, other = _frame_pair(reference, estimate, sample_rate)
    order = 10 if sample_rate < 10000 else 16
    clean_lags = _autocorrelation(clean, order)
    clean_predictor = _levinson(clean_lags)
    predictor = _levinson(_autocorrelation(other, order))
    lag = np.abs(np.subtract.outer(np.arange(order + 1), np.arange(order + 1)))
    matrix = clean_lags[:, lag]  # [frames, order + 1, order + 1]
    error = np.einsum("fi,fij,fj->f", predictor, matrix, predictor)
    least = np.einsum("fi,fij,fj->f", clean_predictor, matrix, clean_predictor)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _best_frames_mean(np.log(error / least))


def weighted_spectral_slope(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> float:
    """Return Klatt's weighted spectral slope distance, best 95 % frames.

    D. Klatt, ICASSP 1982, in the form of composite.m: 25 critical bands below
    4 kHz, slopes in dB from band to band, weights from both signals.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz.

    Returns
    -------
    float
        0 for the same slopes, up to about 100 for unrelated ones.

    Example
    -------
    >>> clean = np.random.default_rng(0).standard_normal(16000)
    >>> weighted_spectral_slope(clean, 0.5 * clean, 16000) < 1e-9
    True
    """
    clean, other = _frame_pair(reference, estimate, sample_rate)
    filters = _critical_band_filters(sample_rate, clean.shape[1])
    clean_slope, clean_weight = _slopes_and_weights(clean, filters)
    slope, weight = _slopes_and_weights(other, filters)
    weight = (clean_weight + weight) / 2
    distance = (weight * (clean_slope - slope) ** 2).sum(axis=1)
    return _best_frames_mean(distance / weight.sum(axis=1))


def _frame_pair(reference, estimate, sample_rate):
    """Frames [frames, samples] of both; never exactly zero, as composite.m."""
    tiny = np.finfo(np.float64).eps
    reference, estimate = check_pair(reference, estimate)
    return (
        hann_frames(reference + tiny, sample_rate),
        hann_frames(estimate + tiny, sample_rate),
    )


def _best_frames_mean(distances):
    """Mean of the smallest 95 %; non-finite frames sort last."""
    keep = max(int(0.95 * distances.size + 0.5), 1)
    return float(np.sort(distances)[:keep].mean())


def _autocorrelation(frames, order):
    """Lags 0…order of each frame, [frames, order + 1]."""
    length = frames.shape[1]
    lags = [
        (frames[:, : length - k] * frames[:, k:]).sum(axis=1)
        for k in range(order + 1)
    ]
    return np.stack(lags, axis=1)


def _levinson(lags):
    """Prediction error filters [1, -a₁, …] of each frame's lags."""
    frames, size = lags.shape
    polynomial = np.zeros((frames, size))
    polynomial[:, 0] = 1.0
    error = lags[:, 0].copy()
    for i in range(1, size):
        # polynomial[:, j] meets lag i - j: the mismatch at order i.
        mismatch = (polynomial[:, :i] * lags[:, i:0:-1]).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            reflection = -mismatch / error
        polynomial[:, 1 : i + 1] += (
            reflection[:, None] * polynomial[:, i - 1 :: -1][:, :i]
        )
        error = error * (1 - reflection**2)
    return polynomial


def _critical_band_filters(sample_rate, frame_length):
    """Gaussian filters [25, bins] over the power spectrum, cut at -30 dB."""
    bins = 2 ** int(np.ceil(np.log2(2 * frame_length))) // 2
    per_bin = bins / (sample_rate / 2)
    centre = np.floor(CENTRES * per_bin)[:, None]
    width = (WIDTHS * per_bin)[:, None]
    gain = np.log(WIDTHS[0]) - np.log(WIDTHS)[:, None]
    filters = np.exp(-11 * ((np.arange(bins) - centre) / width) ** 2 + gain)
    return filters * (filters > np.exp(-30 / (2 * 2.303)))


def _slopes_and_weights(frames, filters):
    """Slopes in dB and Klatt's weights of each frame, both [frames, 24]."""
    bins = filters.shape[1]
    power = np.abs(np.fft.rfft(frames, 2 * bins)[:, :bins]) ** 2
    level = 10 * np.log10(np.maximum(power @ filters.T, 1e-10))
    slope = np.diff(level, axis=1)
    to_maximum = level.max(axis=1, keepdims=True) - level[:, :-1]
    to_peak = _nearest_peak(level, slope) - level[:, :-1]
    # 20 and 1 are Klatt's constants for the global and the local peak.
    return slope, 20 / (20 + to_maximum) / (1 + to_peak)


def _nearest_peak(level, slope):
    """Level of the peak next to each band, up the slope, [frames, 24].

    Going right, composite.m stops one band before the peak; so do we.
    """
    band = np.arange(slope.shape[1])
    falling = np.where(slope > 0, slope.shape[1], band)
    right = np.minimum.accumulate(falling[:, ::-1], axis=1)[:, ::-1] - 1
    rising = np.where(slope > 0, band, -1)
    left = np.maximum.accumulate(rising, axis=1) + 1
    peak = np.where(slope > 0, right, left)
    return np.take_along_axis(level, peak, axis=1)
