"""Audio in a device's memory gives the batches that its files give.

Authors
 * The dispatch-sb contributors, 2026
"""

from types import SimpleNamespace

import numpy as np
import pytest
import speechbrain as sb
import torch
from speechbrain.utils.checkpoints import Checkpointer

from dispatch_sb.data import (
    AudioInMemory,
    DynamicMixture,
    keep_in_memory,
    pair_dataset,
    write_audio,
    write_pair_manifest,
    write_single_manifest,
)

KINDS = ("noisy_sig", "clean_sig", "teacher_sig")
OPTIONS = {"batch_size": 3, "shuffle": True, "drop_last": True}


class Recorded:
    """A recorded teacher, as far as a dataset asks."""

    def __init__(self, folder):
        self.recording_of = lambda noisy: folder / f"{noisy[-7:-4]}.flac"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Makes the dataset of seven pairs of 0.3 to 0.9 s: 16-bit speech, and a
    teacher's answers in 24 bits."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for index in range(7):
        samples = 4800 + 1600 * index
        for kind, subtype in (("clean", "PCM_16"), ("noisy", "PCM_16")):
            signal = rng.uniform(-1, 1, samples)
            path = root / kind / f"a_{index}.wav"
            write_audio(path, signal, subtype=subtype)
        path = root / "teacher" / f"a_{index}.flac"
        write_audio(path, rng.uniform(-1, 1, samples), subtype="PCM_24")
    manifest = root / "pairs.json"
    write_pair_manifest(root / "clean", root / "noisy", manifest, root)
    teacher = Recorded(root / "teacher")

    def make(seconds, teacher=teacher):
        return pair_dataset(manifest, root, seconds, seed=4, teacher=teacher)

    make.teacher = teacher
    return make


def loader_of(dataset):
    """The loader that a Brain makes."""
    options = getattr(dataset, "loader_options", dict)({**OPTIONS})
    brain = sb.Brain(run_opts={"device": "cpu"})
    return brain, brain.make_dataloader(dataset, sb.Stage.TRAIN, **options)


def epoch_of(dataset, epoch):
    """The batches of an epoch, as training sees them."""
    brain, loader = loader_of(dataset)
    dataset.set_epoch(epoch)
    brain.train_sampler.set_epoch(epoch)
    return list(loader)


# Shorter than all files, longer than some, and whole files with padding.
@pytest.mark.parametrize("seconds", [0.2, 0.5, None])
def test_batches_are_those_of_the_files(pairs, seconds, device):
    read, held = pairs(seconds), AudioInMemory(pairs(seconds), device)
    for epoch in (1, 2):
        both = zip(epoch_of(read, epoch), epoch_of(held, epoch), strict=True)
        for expected, batch in both:
            assert batch.id == expected.id
            for kind in KINDS:
                assert batch[kind].data.device.type == device
                for ours, theirs in zip(batch[kind], expected[kind]):
                    assert torch.equal(ours.cpu(), theirs)
                    assert ours.dtype == theirs.dtype


def test_several_teachers_are_one_signal(pairs, device):
    group = SimpleNamespace(recorded=[pairs.teacher, pairs.teacher])
    read, held = pairs(0.2, group), AudioInMemory(pairs(0.2, group), device)
    for expected, batch in zip(epoch_of(read, 1), epoch_of(held, 1)):
        taught = batch.teacher_sig.data.cpu()
        assert taught.shape == (3, 3200, 2)
        assert torch.equal(taught, expected.teacher_sig.data)


def test_files_are_read_once(pairs, device, monkeypatch):
    held = AudioInMemory(pairs(0.2), device)
    epoch_of(held, 1)
    for name in ("read_audio", "common_length"):
        monkeypatch.setattr(f"dispatch_sb.data.audio_store.{name}", None)
    assert len(epoch_of(held, 2)) == 2


def test_sixteen_bits_take_two_bytes(pairs):
    held = AudioInMemory(pairs(0.2))
    held.__getitems__([0])
    assert [len(kept) for kept in held.store.audio] == [67200] * 3
    assert [kept.element_size() for kept in held.store.audio] == [2, 2, 4]


def test_an_interrupted_epoch_goes_on(pairs, tmp_path):
    """A loader that recovers gives the batches that were still to come."""
    whole = epoch_of(AudioInMemory(pairs(0.2)), 3)
    left = []
    for interrupted in (True, False):
        dataset = AudioInMemory(pairs(0.2))
        brain, loader = loader_of(dataset)
        checkpointer = Checkpointer(tmp_path, {"loader": loader})
        checkpointer.recover_if_possible()
        dataset.set_epoch(3)
        brain.train_sampler.set_epoch(3)
        for batch in loader:
            left.append(batch)
            if interrupted:
                checkpointer.save_checkpoint(end_of_epoch=False)
                break
    for expected, batch in zip(whole, left, strict=True):
        assert torch.equal(batch.noisy_sig.data, expected.noisy_sig.data)


def test_auto_reads_files_on_a_cpu(pairs):
    read = pairs(0.2)
    assert keep_in_memory(read, "auto", "cpu") is read
    assert keep_in_memory(read, False, "cuda") is read
    assert isinstance(keep_in_memory(read, True, "cpu"), AudioInMemory)


@pytest.mark.parametrize(
    "free, choice, kept",
    [(2.01, "auto", True), (1.9, "auto", False), (1.9, True, True)],
)
def test_auto_leaves_half_of_a_gpu(pairs, monkeypatch, free, choice, kept):
    needed = 67200 * (2 + 2 + 4)
    free = int(free * needed), 2**40
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: free)
    dataset = keep_in_memory(pairs(0.2), choice, "cuda")
    assert isinstance(dataset, AudioInMemory) is kept


def test_what_cannot_be_kept_is_said(pairs, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 2000))
    with pytest.raises(ValueError, match="audio_in_memory: False"):
        keep_in_memory(pairs(0.2), True, "cuda")


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory):
    """Makes the mixtures of speech that pauses and noise, both sometimes
    silent for longer than a segment, and sometimes shorter than one."""
    root = tmp_path_factory.mktemp("mixtures")
    rng = np.random.default_rng(0)
    for kind, lengths in (("speech", (24000, 5000)), ("noise", (30000, 700))):
        for index, samples in enumerate(lengths):
            signal = rng.uniform(-0.3, 0.3, samples)
            signal[6000:20000] = 0
            signal[300:600] *= 1e-3
            path = root / kind / f"a_{index}.wav"
            write_audio(path, signal, subtype="PCM_16")
        manifest = root / f"{kind}.json"
        write_single_manifest(root / kind, manifest, min_seconds=0.01)

    def make(snr_db):
        manifests = root / "speech.json", root / "noise.json"
        return DynamicMixture(*manifests, 0.4, snr_db, seed=3, length=30)

    return make


@pytest.mark.parametrize("snr_db", [(-5.0, 15.0), [0, 5]])
def test_mixtures_are_those_of_the_files(mixtures, snr_db, device):
    """The same draws, silent segments passed over, and the same formula."""
    read, held = mixtures(snr_db), mixtures(snr_db)
    held = keep_in_memory(held, True, "cpu")
    held.device = torch.device(device)
    for epoch in (1, 2):
        both = zip(epoch_of(read, epoch), epoch_of(held, epoch), strict=True)
        for expected, batch in both:
            assert batch.id == expected.id
            for kind in ("noisy_sig", "clean_sig"):
                ours, theirs = batch[kind].data.cpu(), expected[kind].data
                torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
                assert torch.equal(batch[kind].lengths.cpu(), torch.ones(3))


def test_what_is_neither_pairs_nor_mixtures_stays():
    assert keep_in_memory([1], "auto", "cpu") == [1]
    with pytest.raises(ValueError, match="auto"):
        keep_in_memory([1], True, "cpu")
