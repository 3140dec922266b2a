"""Training segments: one offset for both signals, new ones in every epoch,
the same again for the same seed, whoever reads them."""

import json

import numpy as np
import pytest
import torch
from speechbrain.dataio.dataloader import make_dataloader

from dispatch_sb.data import DynamicMixture, pair_dataset, write_audio

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
            "wav": f"{folder}/clean/{name}.wav",
            "length": samples / RATE,
        }
    path = folder / "pairs.json"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture
def pairs(tmp_path):
    """The manifest of four pairs of 1 to 4 seconds."""
    lengths = {f"s_{i}": i * RATE + 7 * i for i in range(1, 5)}
    return write_pairs(tmp_path, lengths)


def starts(dataset, epoch=None, order=range(4)):
    """The first clean sample of every item."""
    if epoch is not None:
        dataset.set_epoch(epoch)
    found = {i: float(dataset[i]["clean_sig"][0]) for i in order}
    return [found[i] for i in sorted(found)]


def test_whole_utterances_come_as_they_are(pairs):
    item = pair_dataset(pairs, pairs.parent)[1]
    assert item["id"] == "s_2"
    assert item["clean_sig"].dtype == torch.float32
    assert np.array_equal(item["clean_sig"], ramp(2 * RATE + 14))
    assert np.array_equal(item["noisy_sig"], ramp(2 * RATE + 14, 0.25))


def test_both_signals_are_cut_at_the_same_offset(pairs):
    for item in pair_dataset(pairs, pairs.parent, segment_seconds=0.5):
        gap = item["noisy_sig"] - item["clean_sig"]
        assert torch.equal(gap, torch.full((8000,), 0.25))
        assert torch.all(item["clean_sig"].diff() > 0)


def test_offsets_follow_seed_and_epoch_alone(pairs):
    one, two = (pair_dataset(pairs, pairs.parent, 0.5, seed=s) for s in (1, 2))
    first = starts(one, 3)
    assert first == starts(one, 3, [3, 1, 0, 2])
    assert first != starts(one, 4)
    assert first != starts(two, 3)


def test_offsets_reach_the_whole_utterance(tmp_path):
    dataset = pair_dataset(write_pairs(tmp_path, {"s": 4}), tmp_path, 3 / RATE)
    seen = {starts(dataset, epoch, [0])[0] * 2**20 for epoch in range(20)}
    assert seen == {0, 1}


@pytest.mark.parametrize("segment", [11, 27, 10])
def test_a_short_utterance_goes_round(tmp_path, segment):
    manifest = write_pairs(tmp_path, {"s_1": 10})
    item = pair_dataset(manifest, tmp_path, segment / RATE, seed=5)[0]
    steps = np.round(item["clean_sig"].numpy() * 2**20).astype(int)
    assert np.array_equal(steps, (steps[0] + np.arange(segment)) % 10)
    assert np.allclose(item["noisy_sig"] - item["clean_sig"], 0.25)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("mixed", [False, True])
def test_persistent_workers_see_the_epoch(pairs, workers, mixed):
    if mixed:
        dataset = DynamicMixture(pairs, pairs, 0.5, length=4)
    else:
        dataset = pair_dataset(pairs, pairs.parent, 0.5, seed=1)
    expected = {epoch: starts(dataset, epoch) for epoch in (1, 2)}
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
    with pytest.raises(ValueError, match=f"s_1.wav.* {named}"):
        pair_dataset(pairs, pairs.parent, 0.5)[0]


def test_an_empty_segment_is_refused(pairs):
    with pytest.raises(ValueError, match="segment_seconds"):
        pair_dataset(pairs, pairs.parent, segment_seconds=0)
