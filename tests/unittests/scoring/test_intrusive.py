"""What metrics with a reference promise.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import pytest

from dispatch_sb.scoring import (
    ALL,
    pesq_wb,
    score_pair,
    segmental_snr,
    si_sdr,
    stoi,
)

RATE = 16000
INTRUSIVE = ALL[:8]


def test_pesq_takes_the_synthetic_signal_for_speech(speech):
    clean = speech()
    assert pesq_wb(clean, clean, RATE) == pytest.approx(4.644, abs=1e-3)


def test_less_noise_scores_higher_and_the_same_every_time(speech, noisy):
    clean = speech()
    noise, better, best, again = (
        score_pair(clean, noisy(clean, snr), RATE, INTRUSIVE)
        for snr in (0, 10, 20, 20)
    )
    for name in INTRUSIVE:
        assert noise[name] <= better[name] <= best[name]
        assert noise[name] < best[name]
    assert again == best


def test_si_sdr_is_the_snr_and_sees_no_scale_sign_or_offset():
    time = np.arange(16000) / RATE
    clean = np.sin(2 * np.pi * 100 * time)
    estimate = clean + 0.1 * np.sin(2 * np.pi * 200 * time)
    assert si_sdr(clean, estimate) == pytest.approx(20)
    assert si_sdr(7 * clean, -0.1 * estimate + 0.2) == pytest.approx(20)


def test_segmental_snr_sees_the_level_and_is_limited(speech):
    clean = speech()
    assert segmental_snr(clean, 0.9 * clean, RATE) == pytest.approx(20)
    assert segmental_snr(clean, clean, RATE) == pytest.approx(35)
    assert segmental_snr(clean, -9 * clean, RATE) == pytest.approx(-10)


def test_inputs_are_untouched(speech, noisy):
    for dtype in (np.float32, np.float64):
        clean = speech().astype(dtype)
        estimate = noisy(clean, 5).astype(dtype)
        before = clean.copy(), estimate.copy()
        clean.flags.writeable = estimate.flags.writeable = False
        scores = score_pair(clean, estimate, RATE)
        assert all(isinstance(value, float) for value in scores.values())
        np.testing.assert_array_equal(clean, before[0])
        np.testing.assert_array_equal(estimate, before[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 0 * x,
        lambda x: x + np.nan,
        lambda x: x[:-1],
        lambda x: np.stack([x, x]),
        lambda x: x[:0],
    ],
)
def test_an_unfit_signal_fails_every_metric_that_needs_it(speech, change):
    clean = speech()
    scores = score_pair(clean, change(clean), RATE, INTRUSIVE)
    assert set(scores) == set(INTRUSIVE)
    assert all("estimate" in value["error"] for value in scores.values())
    scores = score_pair(change(clean), clean, RATE)
    assert all("reference" in scores[name]["error"] for name in INTRUSIVE)
    assert scores["dnsmos_ovrl"] > 0.5


def test_too_short_is_a_failure_not_a_score(speech, noisy):
    clean = speech()[4000:7000]  # 0.19 s
    scores = score_pair(clean, noisy(clean, 5), RATE, INTRUSIVE)
    for name, needed in (("pesq", 0.25), ("stoi", 0.4), ("estoi", 0.4)):
        assert f"{needed} s" in scores[name]["error"]
    assert "PESQ" in scores["csig"]["error"]
    assert isinstance(scores["si_sdr"], float)
    with pytest.raises(ValueError, match="500"):
        segmental_snr(clean[:500], clean[:500], RATE)


def test_what_a_library_answers_without_a_score_is_none(
    speech, noisy, monkeypatch
):
    """An infinite ratio, pystoi's 1e-5, codes of PESQ."""
    clean = speech()
    perfect = score_pair(clean, clean, RATE, ("si_sdr",))
    assert "inf" in perfect["si_sdr"]["error"]
    monkeypatch.setattr("pesq.pesq", lambda *_: -1)
    scores = score_pair(clean, clean, RATE, ("pesq", "csig"))
    assert all("-1" in value["error"] for value in scores.values())
    clean[4000:] = 0  # short speech before silence
    with pytest.raises(ValueError, match="30"):
        stoi(clean, noisy(clean, 10), RATE)


def test_unknown_metrics_raise_and_other_rates_than_16_khz_fail(speech):
    scores = score_pair(speech(), speech(), 8000, ("pesq", "dnsmos_sig"))
    assert all("8000" in value["error"] for value in scores.values())
    with pytest.raises(ValueError, match="pesk.*pesq"):
        score_pair(speech(), speech(), RATE, ("pesk",))
