"""The mini corpus' utterances have the asked lengths, its noises the asked
spectra and rhythms."""

import numpy as np
import pytest
from mini_recipe import RATE, mini_noise, mini_speech, syllables

SECONDS = 20


def noise(name, clips, rng=None):
    """Makes 20 s of a training noise of the corpus, of clips of our own."""
    function, _ = mini_noise.NOISES["train"][name]
    rng = rng or np.random.default_rng(0)
    return function(clips, SECONDS * RATE, rng)


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
    pink = noise("pink_1", [])
    falls = [
        octave_power(pink, low) - octave_power(pink, 2 * low)
        for low in (125, 250, 500, 1000, 2000)
    ]
    assert falls == pytest.approx([3.01] * 5, abs=0.3)


def test_speech_shaped_noise_has_the_spectrum_of_the_speech():
    rng = np.random.default_rng(0)
    speech = noise("pink_1", [], rng) * syllables(SECONDS, rng)
    shaped = noise("speechshaped_1", [speech], rng)
    gaps = [
        octave_power(speech, low) - octave_power(shaped, low)
        for low in (250, 500, 1000, 2000, 4000)
    ]
    assert np.ptp(gaps) < 1


def test_recordings_are_played_without_a_gap():
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal(RATE), rng.standard_normal(RATE // 2)]
    fire = noise("fire_1", clips)
    power = np.square(fire).reshape(-1, RATE // 10).mean(axis=1)
    # The first fade has nothing to fade from.
    assert power[1:] == pytest.approx(np.ones(10 * SECONDS - 1), abs=0.3)


def test_more_people_babble_more_steadily():
    rng = np.random.default_rng(0)
    voices = [syllables(3, rng) for _ in range(5)]
    swing = []
    for name in ("babble_1", "babble_3"):  # 4 and 10 people
        babble = noise(name, voices, rng)
        assert len(babble) == SECONDS * RATE
        power = np.square(babble).reshape(-1, RATE // 20).mean(axis=1)
        swing.append(power.std() / power.mean())
    assert swing[1] < 0.8 * swing[0]


def test_typing_presses_3_to_9_keys_a_second():
    typing = noise("typing_1", [(np.ones(1), np.zeros(1))])
    assert 3 < np.count_nonzero(typing) / SECONDS < 9


def test_steps_keep_their_distance():
    steps = np.flatnonzero(noise("walking_1", [np.ones(1)]))
    distances = np.diff(steps) / RATE
    assert 0.44 < distances.min() < distances.max() < 0.66
