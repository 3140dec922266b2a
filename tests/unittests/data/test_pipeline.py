"""Training segments: one offset for both signals, new ones in every epoch,
the same again for the same seed, whoever reads them."""

import json

import numpy as np
import pytest
import torch
from speechbrain.dataio.dataloader import make_dataloader

from dispatch_sb.data.audio import write_audio
from dispatch_sb.data.pipeline import pair_dataset

RATE = 16000


def ramp(samples, start=0.0):
    """Every sample differs, so that a segment tells where it came from."""
    return (start + np.arange(samples) / 2**20).astype("float32")


def write_pairs(folder, lengths):
    """Writes pairs whose noisy signal is the clean one plus 0.25."""
    manifest = {}
    for name, samples in lengths.items():
        write_audio(folder / f"clean/{name}.wav", ramp(samples))
        write_audio(folder / f"noisy/{name}.wav", ramp(samples, 0.25))
        manifest[name] = {
            "noisy_wav": f"{{data_root}}/noisy/{name}.wav",
            "clean_wav": f"{{data_root}}/clean/{name}.wav",
            "length": samples / RATE,
            "speaker": name[0],
        }
    path = folder / "pairs.json"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture
def pairs(tmp_path):
    """The manifest of four pairs of 1 to 4 seconds."""
    lengths = {f"s_{i}": i * RATE + 7 * i for i in range(1, 5)}
    return write_pairs(tmp_path, lengths)


def starts(dataset):
    """The first clean sample of every item."""
    return [float(item["clean_sig"][0]) for item in dataset]


def test_whole_utterances_come_as_they_are(pairs):
    item = pair_dataset(pairs, pairs.parent)[1]
    assert item["id"] == "s_2"
    assert item["clean_sig"].dtype == torch.float32
    assert np.array_equal(item["clean_sig"], ramp(2 * RATE + 14))
    assert np.array_equal(item["noisy_sig"], ramp(2 * RATE + 14, 0.25))


def test_both_signals_are_cut_at_the_same_offset(pairs):
    for item in pair_dataset(pairs, pairs.parent, segment_seconds=0.5):
        assert item["clean_sig"].shape == item["noisy_sig"].shape == (8000,)
        assert torch.equal(
            item["noisy_sig"] - item["clean_sig"], torch.full((8000,), 0.25)
        )
        assert torch.all(item["clean_sig"].diff() > 0)


def test_offsets_follow_seed_and_epoch_alone(pairs):
    def offsets(seed, epoch, order):
        dataset = pair_dataset(pairs, pairs.parent, 0.5, seed=seed)
        dataset.set_epoch(epoch)
        return {i: dataset[i]["clean_sig"][0].item() for i in order}

    first = offsets(seed=1, epoch=3, order=[0, 1, 2, 3])
    assert first == offsets(seed=1, epoch=3, order=[3, 1, 0, 2])
    assert first != offsets(seed=1, epoch=4, order=[0, 1, 2, 3])
    assert first != offsets(seed=2, epoch=3, order=[0, 1, 2, 3])


def test_offsets_reach_the_whole_utterance(tmp_path):
    manifest = write_pairs(tmp_path, {"s_1": 4})
    dataset = pair_dataset(manifest, tmp_path, 3 / RATE)
    seen = set()
    for epoch in range(20):
        dataset.set_epoch(epoch)
        seen.add(round(dataset[0]["clean_sig"][0].item() * 2**20))
    assert seen == {0, 1}


@pytest.mark.parametrize("segment", [11, 27, 10])
def test_a_short_utterance_goes_round(tmp_path, segment):
    manifest = write_pairs(tmp_path, {"s_1": 10})
    item = pair_dataset(manifest, tmp_path, segment / RATE, seed=5)[0]
    steps = np.round(item["clean_sig"].numpy() * 2**20).astype(int)
    assert np.array_equal(steps, (steps[0] + np.arange(segment)) % 10)
    assert np.allclose(item["noisy_sig"] - item["clean_sig"], 0.25)


@pytest.mark.parametrize("workers", [0, 2])
def test_persistent_workers_see_the_epoch(pairs, workers):
    dataset = pair_dataset(pairs, pairs.parent, 0.5, seed=1)
    expected = {}
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        expected[epoch] = starts(dataset)
    assert expected[1] != expected[2]
    loader = make_dataloader(
        dataset,
        batch_size=2,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        batches = [batch.clean_sig.data[:, 0] for batch in loader]
        assert torch.cat(batches).tolist() == expected[epoch]


def test_sorted_views_see_the_epoch(pairs):
    dataset = pair_dataset(pairs, pairs.parent, 0.5)
    view = dataset.filtered_sorted(sort_key="length")
    before = starts(view)
    dataset.set_epoch(9)
    assert starts(view) == starts(dataset) != before


@pytest.mark.parametrize("rate, named", [(RATE, "100"), (8000, "8000")])
def test_a_file_of_another_length_or_rate_is_named(pairs, rate, named):
    write_audio(pairs.parent / "noisy/s_1.wav", ramp(100), rate)
    with pytest.raises(ValueError, match=f"s_1.wav.* {named} "):
        pair_dataset(pairs, pairs.parent, 0.5)[0]


def test_an_empty_segment_is_refused(pairs):
    with pytest.raises(ValueError, match="segment_seconds"):
        pair_dataset(pairs, pairs.parent, segment_seconds=0)
