"""Metrics that compare an estimate with the clean reference: PESQ, STOI,
ESTOI, SI-SDR and segmental SNR. Each raises ValueError where it has no value.

Authors
 * The dispatch-sb contributors, 2026
"""

import warnings

import numpy as np

from dispatch_sb.scoring.signals import check_pair, hann_frames


def pesq_wb(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> float:
    """Return wide-band PESQ as MOS-LQO, 1.0 (bad) to 4.64 (identical).

    ITU-T P.862.2 without Corrigendum 2, which is what the literature's
    VoiceBank-DEMAND tables hold; with the corrigendum scores are about half
    a point higher.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz; wide-band PESQ exists at 16000 only.

    Returns
    -------
    float
        The score.

    Raises
    ------
    ValueError
        If a signal is unfit, or PESQ finds no utterance or too short a one.

    Example
    -------
    >>> pesq_wb(np.arange(9.0), np.arange(9.0), 16000)
    Traceback (most recent call last):
        ...
    ValueError: PESQ: Processing buffer is too short (0.25 seconds are needed)
    """
    from pesq import BufferTooShortError, NoUtterancesError, pesq

    reference, estimate = check_pair(reference, estimate)
    if sample_rate != 16000:
        raise ValueError(f"wide-band PESQ needs 16000 Hz, not {sample_rate}")
    try:
        score = pesq(sample_rate, reference, estimate, "wb")
    except BufferTooShortError as error:
        raise ValueError(
            "PESQ: Processing buffer is too short (0.25 seconds are needed)"
        ) from error
    except NoUtterancesError as error:
        raise ValueError("PESQ: found no utterance") from error
    # The binding answers -1 or -7 where its C code gave up.
    if not score > 0:
        raise ValueError(f"PESQ: failed with code {score}")
    return float(score)


def stoi(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    extended: bool = False,
) -> float:
    """Return short-time objective intelligibility, as pystoi computes it.

    STOI: Taal et al., IEEE TASLP 2011. ESTOI (`extended`): Jensen and Taal,
    IEEE TASLP 2016.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Hz.
    extended : bool
        ESTOI instead of STOI.

    Returns
    -------
    float
        At most 1 (identical).

    Raises
    ------
    ValueError
        If a signal is unfit, or fewer than 30 frames (0.4 s) hold speech:
        pystoi returns 1e-5 then, which is no score.

    Example
    -------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> round(stoi(noise, noise, 16000), 3)
    1.0
    """
    from pystoi import stoi as compute

    reference, estimate = check_pair(reference, estimate)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            score = compute(reference, estimate, sample_rate, extended)
        except (RuntimeWarning, ValueError, IndexError) as error:
            raise ValueError(
                "STOI: needs 30 frames (about 0.4 s) of speech"
            ) from error
    # pystoi's ESTOI adds random numbers of 1e-16; without them a score is
    # the same every time.
    return round(float(score), 12)


def estoi(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> float:
    """Return extended STOI; see `stoi`.

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
        At most 1 (identical).

    Example
    -------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> round(estoi(noise, noise, 16000), 3)
    1.0
    """
    return stoi(reference, estimate, sample_rate, extended=True)


def si_sdr(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int | None = None
) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB.

    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, on signals
    whose mean is removed first.

    Arguments
    ---------
    reference : np.ndarray
        Clean speech, shape [samples].
    estimate : np.ndarray
        Speech to score, shape [samples].
    sample_rate : int
        Not used; there so that all metrics are called alike.

    Returns
    -------
    float
        dB; infinite if the estimate is the reference times a factor.

    Raises
    ------
    ValueError
        If a signal is unfit.

    Example
    -------
    >>> reference = np.array([1.0, -1.0, 1.0, -1.0])
    >>> noise = np.array([0.1, 0.1, -0.1, -0.1])
    >>> round(si_sdr(reference, reference + noise), 6)
    20.0
    """
    reference, estimate = check_pair(reference, estimate)
    reference = reference - reference.mean()
    estimate = estimate - estimate.mean()
    scale = np.dot(estimate, reference) / np.dot(reference, reference)
    target = scale * reference
    distortion = estimate - target
    with np.errstate(divide="ignore"):
        ratio = np.dot(target, target) / np.dot(distortion, distortion)
        return float(10 * np.log10(ratio))


def segmental_snr(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int
) -> float:
    """Return the segmental signal-to-noise ratio in dB.

    The mean over 30 ms frames of the ratio limited to -10…35 dB, as in Hu &
    Loizou's composite.m. Neither signal is rescaled (SpeechBrain's and
    Facebook's copies match the peaks first, which hides level errors).

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
        dB, from -10 to 35.

    Raises
    ------
    ValueError
        If a signal is unfit or shorter than 38 ms.

    Example
    -------
    >>> reference = np.random.default_rng(0).standard_normal(16000)
    >>> round(segmental_snr(reference, 0.9 * reference, 16000), 6)
    20.0
    """
    reference, estimate = check_pair(reference, estimate)
    clean = hann_frames(reference, sample_rate)
    noise = clean - hann_frames(estimate, sample_rate)
    tiny = np.finfo(np.float64).eps
    ratio = (clean**2).sum(axis=1) / ((noise**2).sum(axis=1) + tiny)
    return float(np.clip(10 * np.log10(ratio + tiny), -10, 35).mean())
