"""Mixtures: the SNR and level that were asked for, no clipping, new ones in
every epoch, the same again for the same seed."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from speechbrain.dataio.dataloader import make_dataloader

from dispatch_sb.data.audio import read_audio, write_audio
from dispatch_sb.data.levels import active_rms, mix, rms
from dispatch_sb.data.mixing import DynamicMixture, write_mixtures

RATE = 16000


def write_manifest(folder, signals):
    """Writes signals and the manifest that lists them."""
    manifest = {}
    for name, signal in signals.items():
        write_audio(folder / f"{name}.wav", signal)
        manifest[name] = {
            "wav": str(folder / f"{name}.wav"),
            "length": len(signal) / RATE,
            "speaker": name.split("_")[0],
            "sha256": "0" * 64,
        }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture
def manifests(tmp_path):
    """Manifests of two "speakers" and of two noises."""
    rng = np.random.default_rng(0)
    speech = {
        "ann_1": 0.1 * rng.standard_normal(3 * RATE),
        "bob-x_2": 0.05 * rng.standard_normal(RATE),
    }
    noise = {
        "rain": 0.02 * rng.standard_normal(4 * RATE),
        "click": 0.5 * rng.standard_normal(1000),
    }
    return [
        write_manifest(tmp_path / "speech", speech),
        write_manifest(tmp_path / "noise", noise),
    ]


def decibels(ratio):
    return 20 * np.log10(ratio)


def measured_snr(noisy, clean):
    return decibels(active_rms(clean) / rms(noisy - clean))


@pytest.mark.parametrize("snr_db", [-5.0, 2.5, 40.0])
def test_mix_has_the_snr_over_active_speech(snr_db):
    rng = np.random.default_rng(1)
    talk, noise = 0.1 * rng.standard_normal((2, RATE))
    pause = np.zeros(3 * RATE)
    clean = np.concatenate([pause, talk])
    noisy, clean = mix(clean, np.tile(noise, 4), snr_db)
    # Three quarters of silence do not make the speech quieter.
    assert decibels(rms(clean[-RATE:]) / rms(noisy - clean)) == pytest.approx(
        snr_db, abs=0.2
    )


def test_active_level_ignores_silence_and_faint_noise():
    rng = np.random.default_rng(2)
    talk = 0.1 * rng.standard_normal(RATE)
    faint = 1e-3 * rng.standard_normal(RATE)
    silence = np.zeros(RATE)
    level = active_rms(np.concatenate([talk, silence, faint]))
    assert decibels(level / rms(talk)) == pytest.approx(0, abs=0.3)


def test_a_loud_pair_is_scaled_together():
    rng = np.random.default_rng(3)
    clean, noise = rng.standard_normal((2, RATE))
    noisy, scaled = mix(clean, noise, snr_db=0)
    assert max(np.abs(noisy).max(), np.abs(scaled).max()) <= 0.9901
    assert measured_snr(noisy, scaled) == pytest.approx(0, abs=0.1)
    factor = scaled / clean
    assert np.allclose(factor, factor[0], rtol=1e-4)


def test_silence_cannot_be_mixed():
    with pytest.raises(ValueError):
        mix(np.ones(1000), np.zeros(1000), 0)


def test_items_have_the_asked_length_snr_and_level(manifests):
    dataset = DynamicMixture(
        *manifests, 0.5, snr_db=(-3.0, 12.0), level_db=(-30, -20), length=40
    )
    assert len(dataset) == 40
    snrs, levels = [], []
    for item in dataset:
        noisy, clean = item["noisy_sig"].numpy(), item["clean_sig"].numpy()
        assert noisy.shape == clean.shape == (8000,)
        assert noisy.dtype == np.float32
        snrs.append(measured_snr(noisy, clean))
        levels.append(decibels(rms(noisy)))
    assert -3.1 < min(snrs) < 0 and 9 < max(snrs) < 12.1
    assert -30.1 < min(levels) < -28 and -22 < max(levels) < -19.9


def test_a_list_of_snrs_gives_these_values_only(manifests):
    dataset = DynamicMixture(*manifests, 0.5, snr_db=[0, 15], length=20)
    pairs = [(item["noisy_sig"], item["clean_sig"]) for item in dataset]
    snrs = [measured_snr(n.numpy(), c.numpy()) for n, c in pairs]
    assert {round(float(snr)) for snr in snrs} == {0, 15}


def test_no_mixture_clips(manifests):
    dataset = DynamicMixture(*manifests, 0.5, (0, 0), (0, 0), length=10)
    for item in dataset:
        assert item["noisy_sig"].abs().max() <= 0.9901


def test_by_default_an_epoch_is_as_long_as_the_speech(manifests):
    assert len(DynamicMixture(*manifests, segment_seconds=0.5)) == 8


def test_long_files_give_more_items(manifests):
    dataset = DynamicMixture(*manifests, segment_seconds=0.5, length=8)
    rng = np.random.default_rng(0)
    files = [Path(dataset._draw_speech(i, rng)).stem for i in range(8)]
    assert files == ["ann_1"] * 6 + ["bob-x_2"] * 2


def test_items_follow_seed_epoch_and_index_alone(manifests):
    def items(seed, epoch, order):
        dataset = DynamicMixture(*manifests, 0.5, seed=seed)
        dataset.set_epoch(epoch)
        return {i: dataset[i]["noisy_sig"].sum().item() for i in order}

    first = items(1, 3, range(8))
    assert first == items(1, 3, reversed(range(8)))
    other_epoch = items(1, 4, range(8))
    other_seed = items(2, 3, range(8))
    assert not set(first.values()) & set(other_epoch.values())
    assert not set(first.values()) & set(other_seed.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_persistent_workers_see_the_epoch(manifests, workers):
    dataset = DynamicMixture(*manifests, 0.5)
    loader = make_dataloader(
        dataset,
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    sums = []
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        noisy = torch.cat([batch.noisy_sig.data for batch in loader])
        expected = torch.stack([item["noisy_sig"] for item in dataset])
        assert torch.equal(noisy, expected)
        sums.append(noisy.sum().item())
    assert sums[0] != sums[1]


def test_silent_parts_are_not_drawn(tmp_path):
    talk = np.concatenate([np.zeros(4 * RATE), 0.1 * np.ones(RATE)])
    speech = write_manifest(tmp_path / "speech", {"ann_1": talk})
    noise = write_manifest(tmp_path / "noise", {"hum": 0.1 * np.ones(RATE)})
    dataset = DynamicMixture(speech, noise, 0.5, length=20)
    assert all(item["clean_sig"].abs().max() > 0 for item in dataset)


def test_a_silent_corpus_is_refused(tmp_path):
    speech = write_manifest(tmp_path / "speech", {"ann_1": np.ones(RATE)})
    noise = write_manifest(tmp_path / "noise", {"none": np.zeros(RATE)})
    with pytest.raises(ValueError, match="none.wav"):
        DynamicMixture(speech, noise, 0.5)[0]


@pytest.mark.parametrize(
    "key, choice",
    [("snr_db", (5, 0)), ("snr_db", []), ("level_db", (-30, -20, -10))],
)
def test_impossible_choices_are_refused(manifests, key, choice):
    with pytest.raises(ValueError, match=key):
        DynamicMixture(*manifests, 0.5, **{key: choice})


def test_fixed_pairs_on_disk(manifests, tmp_path):
    folders = tmp_path / "clean", tmp_path / "noisy"
    write_mixtures(*manifests, *folders, snr_db=[0, 10], seed=1, count=5)
    names = sorted(path.name for path in folders[0].glob("*.wav"))
    assert len(names) == 5
    assert {name.split("_")[0] for name in names} == {"ann", "bobx"}
    for name in names:
        clean, noisy = (read_audio(folder / name) for folder in folders)
        assert soundfile.info(folders[0] / name).subtype == "PCM_16"
        index = int(name.split("_")[1].split(".")[0])
        assert measured_snr(noisy, clean) == pytest.approx(
            [0, 10][index % 2], abs=0.1
        )


def test_fixed_pairs_are_kept_and_renewed(manifests, tmp_path):
    folders = tmp_path / "clean", tmp_path / "noisy"

    def contents(**settings):
        settings = {"snr_db": [5], "seed": 1, "count": 3} | settings
        write_mixtures(*manifests, *folders, **settings)
        files = sorted(folders[1].glob("*.wav"))
        return {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in files}

    first = contents()
    assert contents() == first
    assert len(contents(count=2)) == 2
    again = contents()
    assert again.keys() == first.keys()
    assert all(again[name][0] == first[name][0] for name in first)
