"""Manifests: what they list, and when they are kept."""

import json
import os
from unittest.mock import Mock

import pytest
import soundfile
from pair_folders import write_manifest, write_pair
from sounds import noise
from speechbrain.dataio.dataset import DynamicItemDataset

from dispatch_sb.data import (
    located_manifest,
    manifest_hash,
    probe,
    read_manifest,
    sha256_of,
    speaker_of,
    write_audio,
    write_pair_manifest,
    write_single_manifest,
)
from dispatch_sb.data import manifest as manifest_module

RATE = 16000


@pytest.fixture
def checked(monkeypatch):
    """Holds how many pairs are read and checked."""
    checked = Mock(wraps=manifest_module.check_pair)
    monkeypatch.setattr(manifest_module, "check_pair", checked)
    return checked


# What is written


def test_entries_hold_paths_length_speaker_and_hashes(root):
    manifest = write_manifest(root, words={"ann_1": "Hello.", "other": "No."})
    assert manifest == read_manifest(root / "all.json")
    assert list(manifest) == ["ann_1", "ann_2", "bob_1"]
    assert manifest["ann_1"] == {
        "noisy_wav": "{data_root}/noisy/ann_1.wav",
        "clean_wav": "{data_root}/clean/ann_1.wav",
        "length": 0.5,
        "speaker": "ann",
        "noisy_sha256": sha256_of(root / "noisy" / "ann_1.wav"),
        "clean_sha256": sha256_of(root / "clean" / "ann_1.wav"),
        "words": "Hello.",
    }
    assert "words" not in manifest["ann_2"]


def test_manifest_is_plain_indented_json(root):
    write_manifest(root)
    text = (root / "all.json").read_text()
    assert text.startswith('{\n  "ann_1": {\n    "noisy_wav"')
    assert len(json.loads(text)) == 3


def test_speechbrain_reads_the_manifest(root):
    write_pair(root, "odd {name} {data_root} 1%.wav")
    write_manifest(root, words={"ann_1": "{braces} 100 %"})
    dataset = DynamicItemDataset.from_json(
        root / "all.json",
        replacements={"data_root": root},
        output_keys=["id", "noisy_wav", "clean_wav", "length"],
    )
    assert len(dataset) == 4
    for item in dataset:
        assert probe(item["noisy_wav"]).seconds == item["length"]
        assert probe(item["clean_wav"]).seconds == item["length"]
    assert dataset.data["ann_1"]["words"] == "{braces} 100 %"


def test_braces_in_names_survive_our_own_reader(root):
    write_pair(root, "odd {name}.wav")
    write_manifest(root, words={"odd {name}": "{uh}"})
    entry = located_manifest(root / "all.json", "/data{1}")["odd {name}"]
    assert entry["clean_wav"] == "/data{1}/clean/odd {name}.wav"
    assert entry["words"] == "{uh}"


def test_files_outside_data_root_are_absolute(root):
    manifest = write_pair_manifest(
        root / "clean", root / "noisy", root / "all.json", root / "noisy"
    )
    assert manifest["ann_1"]["noisy_wav"] == "{data_root}/ann_1.wav"
    assert manifest["ann_1"]["clean_wav"] == f"{root}/clean/ann_1.wav"


def test_pairs_match_across_suffixes_and_sub_folders(tmp_path):
    write_audio(tmp_path / "clean" / "a.flac", noise(), subtype="PCM_16")
    write_audio(tmp_path / "noisy" / "cafe" / "a.wav", noise(seed=1))
    manifest = write_manifest(tmp_path)
    assert manifest["a"]["noisy_wav"] == "{data_root}/noisy/cafe/a.wav"
    assert manifest["a"]["clean_wav"] == "{data_root}/clean/a.flac"


def test_sub_folders_tell_repeated_names_apart(tmp_path):
    write_pair(tmp_path, "ann/1.wav")
    write_pair(tmp_path, "bob/1.wav", seed=1)
    write_pair(tmp_path, "bob/2.wav", seed=2)
    manifest = write_manifest(tmp_path)
    speakers = {key: entry["speaker"] for key, entry in manifest.items()}
    assert speakers == {"ann_1": "ann", "bob_1": "bob", "2": "bob"}


def test_hidden_files_are_no_audio(root):
    (root / "clean" / "._ann_1.wav").write_bytes(b"left by a Mac")
    assert len(write_manifest(root)) == 3


def test_speakers_are_taken_and_left_out(root):
    for choice in ("bob", ["bob"]):
        assert list(write_manifest(root, speakers=choice)) == ["bob_1"]
        others = write_manifest(root, exclude_speakers=choice)
        assert list(others) == ["ann_1", "ann_2"]


def test_speakers_that_are_left_out_are_not_checked(root):
    (root / "clean" / "bob_1.wav").write_text("damaged")
    (root / "clean" / "bob_2.wav").touch()
    assert len(write_manifest(root, speakers=["ann"])) == 2


@pytest.mark.parametrize(
    "path, speaker",
    [
        ("p226_001.wav", "p226"),
        ("p226-a_001.wav", "p226"),
        ("84/121123/84-121123-0001.flac", "84"),
        ("lonely.wav", "lonely"),
    ],
)
def test_speaker_of(path, speaker):
    assert speaker_of(f"/data/{path}", "/data") == speaker


# What is kept


def test_second_run_reads_no_audio(root, checked):
    first = write_manifest(root)
    assert checked.call_count == 3
    before = (root / "all.json").stat()
    assert write_manifest(root) == first
    assert checked.call_count == 3
    assert (root / "all.json").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "change", ["content", "new", "gone", "touched", "edited", "options"]
)
def test_any_change_makes_the_manifest_again(root, checked, change):
    write_manifest(root)
    checked.reset_mock()
    options = {}
    if change == "content":
        write_audio(root / "noisy" / "ann_1.wav", noise(seed=7))
    elif change == "new":
        write_pair(root, "cat_1.wav")
    elif change == "gone":
        for kind in ("clean", "noisy"):
            (root / kind / "ann_1.wav").unlink()
    elif change == "touched":
        os.utime(root / "clean" / "ann_1.wav", (1e9, 1e9))
    elif change == "edited":
        (root / "all.json").write_text("{}")
    else:
        options = {"words": {"ann_1": "Hello."}}
    manifest = write_manifest(root, **options)
    assert len(manifest) == {"new": 4, "gone": 2}.get(change, 3)
    assert checked.call_count == len(manifest)
    assert manifest == read_manifest(root / "all.json")
    noisy = root / "noisy" / "bob_1.wav"
    assert manifest["bob_1"]["noisy_sha256"] == sha256_of(noisy)


# Hashing


def test_hash_follows_the_audio_not_the_place(root, tmp_path):
    write_manifest(root)
    before = manifest_hash(root / "all.json")
    write_pair_manifest(
        root / "clean", root / "noisy", root / "moved.json", "/elsewhere"
    )
    assert manifest_hash(root / "moved.json") == before
    write_audio(root / "noisy" / "ann_1.wav", noise(seed=7))
    write_manifest(root)
    assert manifest_hash(root / "all.json") != before


# Single files


def test_single_manifest_of_folders_of_any_layout(tmp_path):
    write_audio(tmp_path / "one" / "84" / "7" / "a.wav", noise())
    write_audio(tmp_path / "one" / "b-1.flac", noise(), subtype="PCM_16")
    soundfile.write(tmp_path / "one" / "c.ogg", noise(), RATE)
    write_audio(tmp_path / "two" / "b-1.wav", noise(0.7))
    path = tmp_path / "speech.json"
    manifest = write_single_manifest(
        [tmp_path / "one", tmp_path / "two"], path, tmp_path / "two"
    )
    assert manifest == read_manifest(path)
    assert list(manifest) == ["84_7_a", "c", "one_b-1", "two_b-1"]
    assert manifest["84_7_a"]["speaker"] == "84"
    assert manifest["84_7_a"]["wav"] == f"{tmp_path}/one/84/7/a.wav"
    assert manifest["two_b-1"] == {
        "wav": "{data_root}/b-1.wav",
        "length": 0.7,
        "speaker": "b",
        "sha256": sha256_of(tmp_path / "two" / "b-1.wav"),
    }


def test_one_folder_need_not_be_a_list(tmp_path):
    write_audio(tmp_path / "ann" / "a.wav", noise())
    write_audio(tmp_path / "bob" / "a.wav", noise())
    folder, path = str(tmp_path), tmp_path / "speech.json"
    assert len(write_single_manifest(folder, path)) == 2
    without = write_single_manifest(folder, path, exclude_speakers=["ann"])
    assert list(without) == ["bob_a"] == list(read_manifest(path))
