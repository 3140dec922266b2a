"""Manifests: what they list, when they are kept, and what they refuse: every
problem at once, with its file."""

import os
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from sounds import cut, noise, write_manifest, write_pair
from speechbrain.dataio.dataset import DynamicItemDataset

from dispatch_sb.data import (
    ManifestError,
    located_manifest,
    manifest_hash,
    probe,
    read_manifest,
    sha256_of,
    write_audio,
    write_pair_manifest,
    write_single_manifest,
)
from dispatch_sb.data import manifest as manifest_module

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
    start = '{\n  "ann_1": {\n    "noisy_wav"'  # indented, for eyes as well
    assert (root / "all.json").read_text().startswith(start)


def test_speechbrain_and_our_reader_put_in_the_folder(root):
    name = "odd {name} 1%"
    write_pair(root, f"{name}.wav")
    write_manifest(root, words={name: "{braces} 100 %"})
    dataset = DynamicItemDataset.from_json(
        root / "all.json",
        replacements={"data_root": root},
        output_keys=["id", "noisy_wav", "clean_wav", "length"],
    )
    assert len(dataset) == 4
    for item in dataset:
        assert probe(item["noisy_wav"]).seconds == item["length"]
        assert probe(item["clean_wav"]).seconds == item["length"]
    assert dataset.data[name]["words"] == "{braces} 100 %"
    entry = located_manifest(root / "all.json", "/data{1}")[name]
    assert entry["clean_wav"] == f"/data{{1}}/clean/{name}.wav"
    assert entry["words"] == "{braces} 100 %"


def test_pairs_match_across_suffixes_and_sub_folders(tmp_path):
    write_audio(tmp_path / "clean" / "a.flac", noise(), subtype="PCM_16")
    write_audio(tmp_path / "noisy" / "cafe" / "a.wav", noise(seed=1))
    (tmp_path / "clean" / "._a.wav").write_bytes(b"left by a Mac")
    for name in ("ann/1.wav", "bob/1.wav", "bob/2.wav", "cat-x_3.wav"):
        write_pair(tmp_path, name)  # sub-folders tell repeated names apart
    manifest = write_manifest(tmp_path)
    assert manifest["a"]["noisy_wav"] == "{data_root}/noisy/cafe/a.wav"
    assert manifest["a"]["clean_wav"] == "{data_root}/clean/a.flac"
    speakers = {key: entry["speaker"] for key, entry in manifest.items()}
    names = {"2": "bob", "a": "a", "ann_1": "ann", "bob_1": "bob"}
    assert speakers == names | {"cat-x_3": "cat"}


def test_speakers_are_taken_or_left_out_unchecked(root):
    (root / "clean" / "bob_1.wav").write_text("damaged")
    (root / "clean" / "bob_2.wav").touch()
    for choice in ({"speakers": ["ann"]}, {"exclude_speakers": "bob"}):
        assert list(write_manifest(root, **choice)) == ["ann_1", "ann_2"]


def test_single_manifest_of_folders_of_any_layout(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    write_audio(one / "84" / "7" / "a.wav", noise())
    soundfile.write(one / "b-1.ogg", noise(), 16000)
    write_audio(two / "b-1.wav", noise(0.7))
    manifest = write_single_manifest([one, two], tmp_path / "all.json", two)
    assert manifest == read_manifest(tmp_path / "all.json")
    assert list(manifest) == ["84_7_a", "one_b-1", "two_b-1"]
    assert manifest["84_7_a"]["speaker"] == "84"
    assert manifest["84_7_a"]["wav"] == f"{one}/84/7/a.wav"
    assert manifest["two_b-1"] == {
        "wav": "{data_root}/b-1.wav",
        "length": 0.7,
        "speaker": "b",
        "sha256": sha256_of(two / "b-1.wav"),
    }
    path = tmp_path / "two.json"
    assert list(write_single_manifest(str(two), path)) == ["b-1"]


# What is kept


@pytest.mark.parametrize(
    "change", [None, "content", "new", "gone", "touched", "edited", "words"]
)
def test_only_a_change_makes_the_manifest_again(root, monkeypatch, change):
    write_manifest(root)
    before = (root / "all.json").stat().st_mtime_ns
    checked = Mock(wraps=manifest_module.check_file)
    monkeypatch.setattr(manifest_module, "check_file", checked)
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
    words = {"ann_1": "Hello."} if change == "words" else None
    manifest = write_manifest(root, words=words)
    assert len(manifest) == {"new": 4, "gone": 2}.get(change, 3)
    assert checked.call_count == (2 * len(manifest) if change else 0)
    assert manifest == read_manifest(root / "all.json")
    noisy = list(manifest)[0]
    hashed = sha256_of(root / "noisy" / f"{noisy}.wav")
    assert manifest[noisy]["noisy_sha256"] == hashed
    unchanged = (root / "all.json").stat().st_mtime_ns == before
    assert unchanged == (change is None)


def test_hash_follows_the_audio_not_the_place(root):
    write_manifest(root)
    before = manifest_hash(root / "all.json")
    write_pair_manifest(
        root / "clean", root / "noisy", root / "moved.json", "/elsewhere"
    )
    assert manifest_hash(root / "moved.json") == before
    write_audio(root / "noisy" / "ann_1.wav", noise(seed=7))
    write_manifest(root)
    assert manifest_hash(root / "all.json") != before


# What is refused


def problems_of(root, **options):
    """What a refused pair manifest complains of; the old one stays."""
    root.mkdir(exist_ok=True)
    (root / "all.json").write_text("old")
    with pytest.raises(ManifestError) as caught:
        write_manifest(root, **options)
    assert (root / "all.json").read_text() == "old"
    for line in caught.value.problems:
        assert line in str(caught.value)
    return caught.value.problems


def test_all_problems_of_all_kinds_are_listed_at_once(root):
    clean, noisy = root / "clean", root / "noisy"
    for name in "cut zero text lengths nan silent offset stereo rate".split():
        write_pair(root, f"ann_{name}.wav")
    write_pair(root, "ann_short.wav", 0.1)
    cut(noisy / "ann_cut.wav")
    (clean / "ann_zero.wav").write_bytes(b"")
    (noisy / "ann_text.wav").write_text("This is no audio.")
    write_audio(noisy / "ann_lengths.wav", noise(0.6))
    write_audio(clean / "ann_nan.wav", np.append(noise(), -np.inf)[1:])
    write_audio(clean / "ann_silent.wav", np.zeros(8000))
    write_audio(clean / "ann_offset.wav", np.full(8000, 0.1))
    soundfile.write(noisy / "ann_stereo.wav", noise(1).reshape(-1, 2), 16000)
    write_audio(noisy / "ann_rate.wav", noise(), 8000)
    (noisy / "ann_1.wav").unlink()
    (clean / "bob_1.wav").unlink()
    (clean / "ann_9.wav").symlink_to(root / "gone.wav")
    write_audio(noisy / "ann_9.wav", noise())
    write_audio(clean / "ann_2.flac", noise(0.6), subtype="PCM_16")
    expected = {  # file: what its line names besides
        clean / "ann_1.wav": noisy,
        noisy / "bob_1.wav": clean,
        clean / "ann_2.wav": clean / "ann_2.flac",
        clean / "ann_9.wav": "",
        noisy / "ann_cut.wav": "",
        clean / "ann_zero.wav": "",
        noisy / "ann_text.wav": "",
        clean / "ann_short.wav": "0.100",
        noisy / "ann_short.wav": "0.100",
        noisy / "ann_lengths.wav": "9600",
        clean / "ann_nan.wav": "",
        clean / "ann_silent.wav": "",
        clean / "ann_offset.wav": "",
        noisy / "ann_stereo.wav": "convert_folder",
        noisy / "ann_rate.wav": "8000",
    }
    problems = problems_of(root)
    for path, named in expected.items():
        lines = [line for line in problems if line.startswith(f"{path} ")]
        assert any(str(named) in line for line in lines), path
    assert len(problems) == len(expected)


@pytest.mark.parametrize("option", ["speakers", "exclude_speakers"])
def test_impossible_speakers_are_answered_with_the_known(root, option):
    (problem,) = problems_of(root, **{option: ["ann", "eve"]})
    assert all(name in problem for name in ("eve", "ann", "bob"))
    nobody = {"speakers": [], "exclude_speakers": ["ann", "bob"]}
    (problem,) = problems_of(root, **{option: nobody[option]})
    assert "ann, bob" in problem


def test_single_manifest_lists_all_problems(tmp_path):
    one, empty = tmp_path / "one", tmp_path / "empty"
    write_audio(one / "rate.wav", noise(2), 44100)
    write_audio(one / "silent.wav", np.zeros(8000))
    write_audio(one / "good.wav", noise())
    empty.mkdir()
    missing, path = tmp_path / "missing", tmp_path / "noise.json"
    with pytest.raises(ManifestError) as caught:
        write_single_manifest([one, empty, missing], path)
    assert len(caught.value.problems) == 4
    for name in (one / "rate.wav", one / "silent.wav", empty, missing):
        assert str(name) in str(caught.value)
    with pytest.raises(ManifestError):
        write_single_manifest([], path)
