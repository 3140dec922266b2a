"""Several teachers in the place of one: live, recorded, in any mix.

Authors
 * The dispatch-sb contributors, 2026
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from speechbrain.dataio.batch import PaddedBatch
from torch import nn

from dispatch_sb.data import (
    pair_dataset,
    write_audio,
    write_pair_manifest,
)
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import TeacherGroup, load_teacher, save
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.recording_checks import (
    fit_recordings,
    signals_to_read,
)

SHARES = {"loud": 0.9, "quiet": 0.5}  # of the noisy file, in its recording


class Scaled(nn.Module):
    """A teacher that is known to the bit."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, noisy):
        return self.factor * noisy


@pytest.fixture
def pairs(tmp_path):
    """Two noisy files, each recorded twice; the list of the pairs."""
    rng = np.random.default_rng(0)
    for name, samples in {"a": 9000, "b": 16000}.items():
        noisy = 0.1 * rng.standard_normal(samples)
        for folder, share in {"clean": 0.8, "noisy": 1, **SHARES}.items():
            write_audio(tmp_path / folder / f"{name}.wav", share * noisy)
    path = tmp_path / "pairs.json"
    write_pair_manifest(tmp_path / "clean", tmp_path / "noisy", path, tmp_path)
    return path


@pytest.fixture
def recorded(tmp_path, pairs):
    """The two recordings as teachers."""
    return [RecordedTeacher(tmp_path / name) for name in SHARES]


def test_answers_stand_side_by_side_and_nothing_trains():
    group = TeacherGroup([Scaled(0.5), Scaled(0.25)])
    noisy = torch.randn(3, 100, requires_grad=True)
    answer = group.train().answer(noisy, noisy)
    assert answer[:, 0].equal(0.5 * noisy) and answer[:, 1].equal(0.25 * noisy)
    assert not answer.requires_grad and group.live
    assert not any(p.requires_grad for p in group.parameters())
    assert not any(one.training for one in group.teachers)
    torch.testing.assert_close(group(noisy), 0.375 * noisy)


def test_recordings_come_with_the_batch_into_their_places(recorded):
    noisy, clean = torch.randn(2, 3, 100)
    known = torch.randn(3, 100, 2)  # as a batch pads them
    group = TeacherGroup([recorded[0], Scaled(0.5), recorded[1]])
    answer = group.answer(noisy, clean, known)
    expected = [known[..., 0], 0.5 * noisy, known[..., 1]]
    assert answer.equal(torch.stack(expected, 1))
    assert not group.live and group.answer(noisy, clean) is None
    with pytest.raises(ValueError, match="2 of the teachers.* 1 recording"):
        group.answer(noisy, clean, known[..., 0])
    with pytest.raises(RuntimeError, match="recorded"):
        group(noisy)
    alone = TeacherGroup([Scaled(0.5), recorded[0]])
    assert alone.answer(noisy, clean, noisy)[:, 1].equal(noisy)


def test_a_dataset_brings_all_recordings(pairs, recorded):
    group = TeacherGroup([recorded[0], Scaled(0.5), recorded[1]])
    data = pair_dataset(pairs, pairs.parent, 0.9, seed=1, teacher=group)
    batch = PaddedBatch(list(data))
    noisy, clean = batch.noisy_sig.data, batch.clean_sig.data
    answer = group.answer(noisy, clean, batch.teacher_sig.data)
    for number, share in enumerate([0.9, 0.5, 0.5]):
        torch.testing.assert_close(answer[:, number], share * noisy)


def test_each_recording_is_checked(tmp_path, pairs, recorded):
    """What lacks one of them does without all; training cannot."""
    noisy = {x: {"noisy_wav": str(tmp_path / f"noisy/{x}.wav")} for x in "ab"}
    for entry, samples in zip(noisy.values(), (9000, 16000)):
        entry["length"] = samples / 16000
    parts = {"train": {"a": noisy["a"]}, "valid": {"b": noisy["b"]}}
    places = tmp_path / "note.json", tmp_path / "copies"
    group = TeacherGroup(recorded)
    assert fit_recordings(group, parts, *places) == ["train", "valid"]
    (tmp_path / "quiet" / "b.wav").unlink()
    group = TeacherGroup([RecordedTeacher(tmp_path / name) for name in SHARES])
    assert fit_recordings(group, parts, *places) == ["train"]
    (tmp_path / "quiet" / "a.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="quiet"):
        fit_recordings(group, parts, *places)


def test_a_list_of_sources_is_a_group(tmp_path, recorded):
    save(FastEnhancer(channels=8), tmp_path / "tiny", card="# A teacher\n")
    sources = [tmp_path / "tiny", tmp_path / "loud", "clean"]
    group = load_teacher(sources, delay=[0, 3, 0])
    kinds = [type(one).__name__ for one in group.teachers]
    assert kinds == ["FrozenTeacher", "RecordedTeacher", "CleanTeacher"]
    assert group.teachers[1].delay == 3
    assert [x.origin["source"] for x in group.teachers] == [*map(str, sources)]
    assert not isinstance(load_teacher(["clean"]), TeacherGroup)
    with pytest.raises(ValueError, match="teacher_delay lists 2.* 3"):
        load_teacher(sources, delay=[0, 3])
    with pytest.raises(ValueError, match="teachers or more"):
        TeacherGroup([Scaled(0.5)])


def test_shards_hold_the_answers_of_one(recorded):
    index = SimpleNamespace(url="shards", signals=("noisy", "clean", "teacher"))
    live = TeacherGroup([Scaled(0.5), Scaled(0.25)])
    assert signals_to_read(index, live) == ("noisy", "clean")
    with pytest.raises(ValueError, match="train_shards"):
        signals_to_read(index, TeacherGroup([live.teachers[0], *recorded]))
