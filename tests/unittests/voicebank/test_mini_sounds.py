"""The mini corpus' utterances have the asked lengths, its noises the asked
spectra and rhythms."""

import numpy as np
import pytest
from mini_recipe import RATE, mini_sounds, syllables

SECONDS = 20


def noise(name, clips, rng=None):
    """Makes 20 s of a training noise of the corpus, of clips of our own."""
    _, function, *options = mini_sounds.TRAIN_NOISES[name]
    rng = rng or np.random.default_rng(0)
    return function(clips, SECONDS * RATE, rng, *options)


def test_short_prompts_are_joined_and_long_ones_cut_where_it_is_quiet():
    quiet = np.ones(8 * RATE, np.float32)
    quiet[3 * RATE : 3 * RATE + 800] = 0
    lengths = {"a": 1.2, "b": 1.5, "c": 8, "d": 1}
    prompts = [
        mini_sounds.Prompt(name, quiet[: int(seconds * RATE)])
        for name, seconds in lengths.items()
    ]
    utterances = mini_sounds.to_utterances(prompts)
    assert [u.name for u in utterances] == ["a+b", "c", "c"]
    assert utterances[1].seconds == pytest.approx(3.025, abs=0.025)
    total = sum(u.seconds for u in utterances)
    assert total == pytest.approx(1.2 + 1.5 + 8)


@pytest.mark.parametrize("seconds", [5.01, 6.9, 7.0, 23.7])
def test_every_utterance_has_2_to_5_seconds(seconds):
    signal = np.random.default_rng(0).standard_normal(int(seconds * RATE))
    utterances = mini_sounds.to_utterances([mini_sounds.Prompt("a", signal)])
    assert all(2 <= u.seconds <= 5 for u in utterances)
    joined = np.concatenate([u.signal for u in utterances])
    assert np.array_equal(joined, signal)


def test_no_two_parts_share_a_prompt():
    prompts = [
        mini_sounds.Prompt(f"en/{i}", np.zeros(6 * RATE)) for i in range(20)
    ]
    wanted = {"train": 1.0, "babble": 0.45, "rest": 9.0}
    parts = mini_sounds.deal(prompts, wanted, np.random.default_rng(1))
    assert [len(part) for part in parts.values()] == [10, 5, 5]
    numbers = [[int(p.name[3:]) for p in part] for part in parts.values()]
    assert sorted(sum(numbers, [])) == list(range(20))
    assert numbers == [sorted(part) for part in numbers]


def octave_powers(signal):
    """Power per Hz of five octaves from 125 Hz, in dB."""
    power = np.abs(np.fft.rfft(signal)) ** 2
    hertz = np.fft.rfftfreq(len(signal), 1 / RATE)
    octave = np.floor(np.log2(np.maximum(hertz, 1) / 125))
    return 10 * np.log10([power[octave == i].mean() for i in range(6)])


def test_pink_noise_falls_by_3_db_per_octave():
    falls = -np.diff(octave_powers(noise("pink_1", [])))
    assert falls == pytest.approx([3.01] * 5, abs=0.3)


def test_speech_shaped_noise_has_the_spectrum_of_the_speech():
    rng = np.random.default_rng(0)
    speech = noise("pink_1", [], rng) * syllables(SECONDS, rng)
    shaped = noise("speechshaped_1", [speech], rng)
    gaps = octave_powers(speech) - octave_powers(shaped)
    assert np.ptp(gaps[1:]) < 1


def powers(signal, seconds):
    """Mean square of pieces of a signal."""
    return np.square(signal).reshape(-1, int(seconds * RATE)).mean(axis=1)


def test_recordings_are_played_without_a_gap():
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal(RATE), rng.standard_normal(RATE // 2)]
    power = powers(noise("fire_1", clips), 0.1)
    # The first fade has nothing to fade from.
    assert power[1:] == pytest.approx(np.ones(10 * SECONDS - 1), abs=0.3)


def test_more_people_babble_more_steadily():
    rng = np.random.default_rng(0)
    voices = [syllables(3, rng) for _ in range(5)]
    four, ten = (
        powers(noise(name, voices, rng), 0.05)
        for name in ("babble_1", "babble_3")
    )
    assert ten.std() / ten.mean() < 0.8 * four.std() / four.mean()


def test_keys_and_steps_keep_their_rhythm():
    typing = noise("typing_1", [(np.ones(1), np.zeros(1))])
    assert 3 < np.count_nonzero(typing) / SECONDS < 9
    steps = np.flatnonzero(noise("walking_1", [np.ones(1)]))
    distances = np.diff(steps) / RATE
    assert 0.44 < distances.min() < distances.max() < 0.66
