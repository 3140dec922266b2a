"""The mini corpus' utterances have the asked lengths, its noises the asked
spectra and rhythms."""

import numpy as np
import pytest
from mini_recipe import RATE, mini_signals, mini_speech, syllables


def test_short_prompts_are_joined_and_long_ones_cut_where_it_is_quiet():
    quiet = np.ones(8 * RATE, np.float32)
    quiet[3 * RATE : 3 * RATE + 800] = 0
    prompts = [
        mini_speech.Prompt("a", np.ones(int(1.2 * RATE), np.float32)),
        mini_speech.Prompt("b", np.ones(int(1.5 * RATE), np.float32)),
        mini_speech.Prompt("c", quiet),
        mini_speech.Prompt("d", np.ones(RATE, np.float32)),
    ]
    utterances = mini_speech.to_utterances(prompts)
    assert [u.name for u in utterances] == ["a+b", "c", "c"]
    assert utterances[1].seconds == pytest.approx(3.025, abs=0.025)
    total = sum(u.seconds for u in utterances)
    assert total == pytest.approx(1.2 + 1.5 + 8)


@pytest.mark.parametrize("seconds", [5.01, 6.9, 7.0, 23.7])
def test_every_utterance_has_2_to_5_seconds(seconds):
    signal = np.random.default_rng(0).standard_normal(int(seconds * RATE))
    utterances = mini_speech.to_utterances([mini_speech.Prompt("a", signal)])
    assert all(2 <= u.seconds <= 5 for u in utterances)
    joined = np.concatenate([u.signal for u in utterances])
    assert np.array_equal(joined, signal)


def test_no_two_parts_share_a_prompt():
    prompts = [
        mini_speech.Prompt(f"en/{i}", np.zeros(6 * RATE)) for i in range(20)
    ]
    wanted = {"train": 1.0, "babble": 0.45, "rest": 9.0}
    rng = np.random.default_rng(1)
    parts = mini_speech.deal(prompts, wanted, rng)
    assert [len(part) for part in parts.values()] == [10, 5, 5]
    names = [prompt.name for part in parts.values() for prompt in part]
    assert sorted(names) == sorted(prompt.name for prompt in prompts)
    order = [int(p.name[3:]) for p in parts["train"]]
    assert order == sorted(order)


def octave_power(signal, low):
    """Power per Hz of an octave, in dB."""
    power = np.abs(np.fft.rfft(signal)) ** 2
    hertz = np.fft.rfftfreq(len(signal), 1 / RATE)
    return 10 * np.log10(power[(hertz >= low) & (hertz < 2 * low)].mean())


def test_pink_noise_falls_by_3_db_per_octave():
    noise = mini_signals.pink(20 * RATE, np.random.default_rng(0))
    falls = [
        octave_power(noise, low) - octave_power(noise, 2 * low)
        for low in (125, 250, 500, 1000, 2000)
    ]
    assert falls == pytest.approx([3.01] * 5, abs=0.3)


def test_speech_shaped_noise_has_the_spectrum_of_the_speech():
    rng = np.random.default_rng(0)
    speech = mini_signals.pink(20 * RATE, rng) * syllables(20, rng)
    noise = mini_signals.speech_shaped([speech], 20 * RATE, rng)
    gaps = [
        octave_power(speech, low) - octave_power(noise, low)
        for low in (250, 500, 1000, 2000, 4000)
    ]
    assert np.ptp(gaps) < 1


def test_recordings_are_played_without_a_gap():
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal(RATE), rng.standard_normal(RATE // 2)]
    noise = mini_signals.texture(clips, 10 * RATE, rng)
    power = np.square(noise).reshape(-1, RATE // 10).mean(axis=1)
    # The first fade has nothing to fade from.
    assert power[1:] == pytest.approx(np.ones(99), abs=0.3)


def test_more_people_babble_more_steadily():
    rng = np.random.default_rng(0)
    voices = [syllables(3, rng) for _ in range(5)]
    swing = []
    for count in (1, 12):
        noise = mini_signals.babble(voices, count, 20 * RATE, rng)
        assert len(noise) == 20 * RATE
        power = np.square(noise).reshape(-1, RATE // 20).mean(axis=1)
        swing.append(power.std() / power.mean())
    assert swing[1] < 0.6 * swing[0]


def test_typing_presses_3_to_9_keys_a_second():
    key = (np.ones(1), np.zeros(1))
    noise = mini_signals.typing([key], 60 * RATE, np.random.default_rng(0))
    assert 3 < np.count_nonzero(noise) / 60 < 9


def test_events_keep_their_distance():
    rng = np.random.default_rng(0)
    noise = mini_signals.events([np.ones(1)], (0.4, 0.6), 60 * RATE, rng)
    distances = np.diff(np.flatnonzero(noise)) / RATE
    assert 0.39 < distances.min() < distances.max() < 0.61
