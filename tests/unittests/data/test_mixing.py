"""Mixtures: the SNR and level that were asked for, no clipping, new ones in
every epoch, the same again for the same seed; fixed ones go on and spare what
is there."""

import json
from pathlib import Path

import numpy as np
import pytest
from sounds import noise

from dispatch_sb.cli import main
from dispatch_sb.data import (
    DynamicMixture,
    read_audio,
    read_manifest,
    write_audio,
    write_mixtures,
    write_single_manifest,
)
from dispatch_sb.data.levels import active_rms, mix, rms
from dispatch_sb.data.own_speech import prepare_own, prepare_pairs

RATE = 16000


def write_folder(folder, signals):
    """Writes signals and the manifest that lists them."""
    for name, signal in signals.items():
        write_audio(folder / f"{name}.wav", signal)
    path = folder / "manifest.json"
    write_single_manifest(folder, path, min_seconds=0.01)
    return path


@pytest.fixture
def manifests(tmp_path):
    """Manifests of two "speakers" and of two noises."""
    speech = {"ann_1": noise(3.0), "bob-x/2": noise(1.0, seed=1) / 2}
    noises = {"rain": noise(4.0, seed=2) / 5, "click": 4 * noise(0.06, seed=3)}
    return [
        write_folder(tmp_path / "speech", speech),
        write_folder(tmp_path / "noise", noises),
    ]


def decibels(ratio):
    return 20 * np.log10(ratio)


def measured(pairs):
    """SNRs and levels of noisy and clean signals."""
    pairs = list(pairs)
    snrs = [decibels(active_rms(clean) / rms(n - clean)) for n, clean in pairs]
    return snrs, [decibels(rms(noisy)) for noisy, _ in pairs]


def signals_of(dataset):
    """Noisy and clean signals of all items."""
    keys = "noisy_sig", "clean_sig"
    return [tuple(item[key].numpy() for key in keys) for item in dataset]


@pytest.mark.parametrize("snr_db", [-5.0, 2.5, 40.0])
def test_mix_has_the_snr_over_active_speech(snr_db):
    talk = noise(1.0)
    clean = np.concatenate([np.zeros(3 * RATE), talk / 100, talk])
    noisy, clean = mix(clean, noise(5.0, seed=1), snr_db)
    # Silence and what is faint do not make the speech quieter.
    ratio = rms(clean[-RATE:]) / rms(noisy - clean)
    assert decibels(ratio) == pytest.approx(snr_db, abs=0.3)


def test_a_loud_pair_is_scaled_together():
    loud = 10 * noise(1.0)
    noisy, clean = mix(loud, 10 * noise(1.0, seed=1), snr_db=0)
    assert max(np.abs(noisy).max(), np.abs(clean).max()) <= 0.9901
    assert measured([(noisy, clean)])[0] == pytest.approx([0], abs=0.1)
    assert np.allclose(clean / loud, clean[0] / loud[0], rtol=1e-4)


def test_speech_in_a_last_part_of_a_frame_is_no_silence():
    clean = np.append(np.zeros(1024), noise(0.01))
    noisy, clean = mix(clean, noise(1.0, seed=1)[: len(clean)], 10)
    ratio = rms(clean) / rms(noisy - clean)
    assert decibels(ratio) == pytest.approx(10, abs=0.01)


def test_silence_cannot_be_mixed():
    with pytest.raises(ValueError):
        mix(np.ones(1000), np.zeros(1000), 0)


def test_items_have_the_asked_length_snr_and_level(manifests):
    ranges = {"snr_db": (-3.0, 12.0), "level_db": (-30, -20)}
    pairs = signals_of(DynamicMixture(*manifests, 0.5, **ranges, length=40))
    assert len(pairs) == 40
    for signal in sum(pairs, ()):
        assert signal.shape == (8000,) and signal.dtype == np.float32
    snrs, levels = measured(pairs)
    assert -3.1 < min(snrs) < 0 and 9 < max(snrs) < 12.1
    assert -30.1 < min(levels) < -28 and -22 < max(levels) < -19.9


def test_a_list_of_snrs_gives_these_values_only_and_nothing_clips(manifests):
    ranges = {"snr_db": [0, 15], "level_db": (0, 0)}
    pairs = signals_of(DynamicMixture(*manifests, 0.5, **ranges, length=20))
    assert {round(float(snr)) for snr in measured(pairs)[0]} == {0, 15}
    assert max(np.abs(noisy).max() for noisy, _ in pairs) <= 0.9901


def test_an_epoch_is_as_long_as_the_speech_and_long_files_give_more(manifests):
    dataset = DynamicMixture(*manifests, segment_seconds=0.5)
    assert len(dataset) == 8
    rng = np.random.default_rng(0)
    files = [Path(dataset._draw_speech(i, rng)).stem for i in range(8)]
    assert files == ["ann_1"] * 6 + ["2"] * 2


def test_items_follow_seed_epoch_and_index_alone(manifests):
    def items(seed, epoch, order):
        dataset = DynamicMixture(*manifests, 0.5, seed=seed)
        dataset.set_epoch(epoch)
        return {i: dataset[i]["noisy_sig"].sum().item() for i in order}

    first = items(1, 3, range(8))
    assert first == items(1, 3, reversed(range(8)))
    others = items(1, 4, range(8)), items(2, 3, range(8))
    for other in others:
        assert not set(first.values()) & set(other.values())


def test_silence_is_not_drawn_and_a_silent_corpus_is_refused(tmp_path):
    talk = np.concatenate([np.zeros(4 * RATE), noise(1.0)])
    speech = write_folder(tmp_path / "speech", {"ann_1": talk})
    hum = write_folder(tmp_path / "noise", {"hum": noise()})
    pairs = signals_of(DynamicMixture(speech, hum, 0.5, length=20))
    assert all(rms(clean) > 0 for _, clean in pairs)
    write_audio(tmp_path / "noise" / "hum.wav", np.zeros(RATE))
    with pytest.raises(ValueError, match="hum.wav"):
        DynamicMixture(speech, hum, 0.5)[0]


@pytest.mark.parametrize(
    "key, choice",
    [("snr_db", (5, 0)), ("snr_db", []), ("level_db", (-30, -20, -10))],
)
def test_impossible_choices_are_refused(manifests, key, choice):
    with pytest.raises(ValueError, match=key):
        DynamicMixture(*manifests, 0.5, **{key: choice})


# Fixed pairs


def read_pairs(clean_folder, noisy_folder):
    """Noisy and clean signals by name."""
    return {
        path.name: (read_audio(noisy_folder / path.name), read_audio(path))
        for path in sorted(clean_folder.iterdir())
    }


def test_fixed_pairs_take_speech_and_snrs_in_turn(manifests, tmp_path):
    folders = tmp_path / "clean", tmp_path / "noisy"
    write_mixtures(*manifests, *folders, snr_db=[0, 10], seed=1, count=5)
    pairs = read_pairs(*folders)
    by_number = {name[:-4].split("_")[1]: pairs[name] for name in pairs}
    assert {name.split("_")[0] for name in pairs} == {"ann", "bobx"}
    snrs, _ = measured(by_number[f"{i:04d}"] for i in range(5))
    assert snrs == pytest.approx([0, 10, 0, 10, 0], abs=0.1)
    write_mixtures(*manifests, *folders, snr_db=[0, 10], seed=1, count=2)
    assert len(read_pairs(*folders)) == 2


@pytest.fixture
def words(manifests, tmp_path):
    """A command line for eight pairs of a second or two."""
    folders = [path.parent for path in manifests]
    words = ["mix", *folders, tmp_path / "out", "--hours", "0.004"]
    write_audio(folders[1] / "click.wav", noise())
    return [str(word) for word in words]


def test_the_command_writes_pairs_at_the_wanted_ratio(words, tmp_path):
    options = ["--snr", "5", "5", "--level", "-30", "-30", "--segment", "0.9"]
    assert main([*words, *options]) == 0
    out, manifest = tmp_path / "out", tmp_path / "pairs.json"
    prepare_pairs({"train": out}, {"train": manifest}, tmp_path)
    entries = read_manifest(manifest).values()
    assert {entry["length"] for entry in entries} == {0.9}
    assert {entry["speaker"] for entry in entries} == {"ann", "bobx"}
    snrs, levels = measured(read_pairs(out / "clean", out / "noisy").values())
    assert snrs == pytest.approx([5] * 16, abs=0.1)
    assert levels == pytest.approx([-30] * 16, abs=0.1)


def test_the_same_command_gives_the_same_files_and_goes_on(words, tmp_path):
    def contents():
        files = (tmp_path / "out").rglob("*.flac")
        return {path: path.read_bytes() for path in files}

    def noisy(contents):
        return {
            v for path, v in contents.items() if path.parent.name == "noisy"
        }

    assert main(words) == 0
    before = contents()
    assert len(before) == 16
    for path in sorted(before)[3:9]:
        path.unlink()
    assert main(words) == 0
    assert contents() == before
    assert main([*words, "--seed", "7"]) == 0
    assert contents().keys() == before.keys()
    assert not noisy(contents()) & noisy(before)


def test_files_of_others_are_left_alone(words, tmp_path, capsys):
    theirs = tmp_path / "out" / "clean" / "theirs.flac"
    write_audio(theirs, np.ones(160) / 2, subtype="PCM_16")
    assert main(words) == 1
    assert str(theirs.parent) in capsys.readouterr().err
    assert theirs.is_file()


def test_own_recordings_are_split_by_speakers_and_by_noises(tmp_path):
    folders = [tmp_path / "speech"], [tmp_path / "noise"]
    for index in range(8):
        name = f"{'abcd'[index // 2]}_{index}.wav"
        write_audio(folders[0][0] / name, noise(seed=index))
        write_audio(folders[1][0] / f"{index}.wav", noise(seed=10 + index))
    out = tmp_path / "out"
    prepare_own(*folders, out, held_out_share=0.25, pairs=3)
    heard = []
    for kind, sizes in (("speech", [4, 2, 2]), ("noise", [4, 2, 2])):
        parts = [
            read_manifest(out / f"{part}_{kind}.json").values()
            for part in ("train", "valid", "test")
        ]
        assert [len(part) for part in parts] == sizes
        heard += [{entry["speaker"] for entry in part} for part in parts]
    assert sum(map(len, heard)) == len(set.union(*heard)) == 12
    for part, speakers in (("valid", heard[1]), ("test", heard[2])):
        entries = json.loads((out / f"{part}.json").read_text()).values()
        assert len(entries) == 3
        assert {entry["speaker"] for entry in entries} <= speakers
