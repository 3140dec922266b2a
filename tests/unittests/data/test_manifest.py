"""Manifests: what they list, what they refuse, and when they are kept."""

import json
import os

import numpy as np
import pytest
import soundfile
from speechbrain.dataio.dataset import DynamicItemDataset

from dispatch_sb.data import (
    ManifestError,
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


def noise(seconds=0.5, seed=0):
    generator = np.random.default_rng(seed)
    signal = 0.1 * generator.standard_normal(round(seconds * RATE))
    return signal.astype(np.float32)


def write_pair(root, name, seconds=0.5, seed=0):
    """Writes clean/name and noisy/name (with suffix) below root."""
    clean = noise(seconds, seed)
    write_audio(root / "clean" / name, clean, subtype="PCM_16")
    noisy = clean + noise(seconds, seed + 1000)
    write_audio(root / "noisy" / name, noisy, subtype="PCM_16")


def write_manifest(root, **options):
    """The pair manifest of what `write_pair` wrote."""
    return write_pair_manifest(
        root / "clean", root / "noisy", root / "all.json", root, **options
    )


def problems_of(root, **options):
    """What a refused pair manifest complains of."""
    with pytest.raises(ManifestError) as caught:
        write_manifest(root, **options)
    assert not (root / "all.json").exists()
    for line in caught.value.problems:
        assert line in str(caught.value)
    return caught.value.problems


@pytest.fixture
def root(tmp_path):
    """Two speakers, three pairs."""
    for seed, name in enumerate(("ann_1.wav", "ann_2.wav", "bob_1.wav")):
        write_pair(tmp_path, name, 0.5 + 0.1 * seed, seed)
    return tmp_path


@pytest.fixture
def checked(monkeypatch):
    """The clean files that are read and checked."""
    names, real = [], manifest_module.check_pair

    def counting(clean, *args, **options):
        names.append(clean.name)
        return real(clean, *args, **options)

    monkeypatch.setattr(manifest_module, "check_pair", counting)
    return names


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
    write_manifest(root)
    located = located_manifest(root / "all.json", root)
    assert probe(located["odd {name}"]["clean_wav"]).samples == 8000


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


def test_speakers_are_taken_and_left_out(root):
    assert list(write_manifest(root, speakers=["bob"])) == ["bob_1"]
    assert list(write_manifest(root, exclude_speakers=["bob"])) == [
        "ann_1",
        "ann_2",
    ]
    assert list(write_manifest(root, speakers="bob")) == ["bob_1"]


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


# What is refused


def test_all_problems_of_all_kinds_are_listed_at_once(root):
    clean, noisy = root / "clean", root / "noisy"
    for name in ("cut", "zero", "text", "short", "lengths", "nan", "inf"):
        write_pair(root, f"ann_{name}.wav", 0.1 if name == "short" else 0.5)
    for name in ("silent", "offset", "stereo", "rate"):
        write_pair(root, f"bob_{name}.wav")
    content = (noisy / "ann_cut.wav").read_bytes()
    (noisy / "ann_cut.wav").write_bytes(content[:5000])
    (clean / "ann_zero.wav").write_bytes(b"")
    (noisy / "ann_text.wav").write_text("This is no audio.")
    write_audio(noisy / "ann_lengths.wav", noise(0.6))
    for name, value in (("nan", np.nan), ("inf", -np.inf)):
        signal = noise()
        signal[100] = value
        write_audio(clean / f"ann_{name}.wav", signal)
    write_audio(clean / "bob_silent.wav", np.zeros(8000))
    write_audio(clean / "bob_offset.wav", np.full(8000, 0.1))
    soundfile.write(noisy / "bob_stereo.wav", noise().reshape(-1, 2), RATE)
    write_audio(noisy / "bob_rate.wav", noise(), 8000)
    (noisy / "ann_1.wav").unlink()
    (clean / "bob_1.wav").unlink()
    expected = [
        (clean / "ann_1.wav", "no noisy partner", "put ann_1 into"),
        (noisy / "bob_1.wav", "no clean partner", "put bob_1 into"),
        (noisy / "ann_cut.wav", "truncated", "copy or unpack"),
        (clean / "ann_zero.wav", "empty file", "copy or unpack"),
        (noisy / "ann_text.wav", "cannot be read", "copy or unpack"),
        (clean / "ann_short.wav", "too short (0.100 s", "delete"),
        (noisy / "ann_short.wav", "too short (0.100 s", "delete"),
        (noisy / "ann_lengths.wav", "has 9600 samples", "same length"),
        (clean / "ann_nan.wav", "NaN or infinite", "export it again"),
        (clean / "ann_inf.wav", "NaN or infinite", "export it again"),
        (clean / "bob_silent.wav", "silent", "record it again"),
        (clean / "bob_offset.wav", "silent", "record it again"),
        (noisy / "bob_stereo.wav", "2 channels", "convert_folder"),
        (noisy / "bob_stereo.wav", "has 4000 samples", "same length"),
        (noisy / "bob_rate.wav", "8000 Hz instead of 16000", "convert_folder"),
    ]
    problems = problems_of(root)
    assert len(problems) == len(expected)
    for path, complaint, remedy in expected:
        matching = [
            line
            for line in problems
            if line.startswith(f"{path} ") and complaint in line
        ]
        assert len(matching) == 1, (path, complaint, problems)
        assert remedy in matching[0]


@pytest.mark.parametrize("kind", ["clean", "noisy"])
def test_empty_folder(root, kind):
    for path in (root / kind).iterdir():
        path.unlink()
    (problem,) = problems_of(root)
    assert f"{root / kind} holds no audio files" in problem


def test_missing_folders_are_all_named(tmp_path):
    clean, noisy = problems_of(tmp_path)
    assert f"{tmp_path / 'clean'} is not a folder" in clean
    assert f"{tmp_path / 'noisy'} is not a folder" in noisy


@pytest.mark.parametrize("option", ["speakers", "exclude_speakers"])
def test_unknown_speakers_are_answered_with_the_known(root, option):
    problems = problems_of(root, **{option: ["ann", "eve"]})
    assert problems == [
        "eve is not a speaker of this data: the speakers there are ann, bob."
    ]


def test_nobody_left(root):
    (problem,) = problems_of(root, exclude_speakers=["ann", "bob"])
    assert "no speaker is left" in problem and "ann, bob" in problem


def test_equal_ids_are_refused(root):
    write_audio(root / "clean" / "ann_1.flac", noise(), subtype="PCM_16")
    (problem,) = problems_of(root)
    assert "ann_1.flac" in problem and "ann_1.wav" in problem
    assert "same id" in problem


def test_vanished_file_is_a_problem_not_a_crash(root):
    (root / "clean" / "ann_9.wav").symlink_to(root / "gone.wav")
    write_audio(root / "noisy" / "ann_9.wav", noise())
    (problem,) = problems_of(root)
    assert "ann_9.wav does not exist" in problem


def test_hidden_files_are_no_audio(root):
    (root / "clean" / "._ann_1.wav").write_bytes(b"left by a Mac")
    assert len(write_manifest(root)) == 3


def test_refusal_keeps_the_manifest_that_is_there(root):
    write_manifest(root)
    before = (root / "all.json").read_bytes()
    write_audio(root / "clean" / "ann_1.wav", np.zeros(8000))
    with pytest.raises(ManifestError):
        write_manifest(root)
    assert (root / "all.json").read_bytes() == before


# What is kept


def test_second_run_reads_no_audio(root, checked):
    first = write_manifest(root)
    assert len(checked) == 3
    before = (root / "all.json").stat()
    assert write_manifest(root) == first
    assert len(checked) == 3
    assert (root / "all.json").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "change", ["content", "new", "gone", "touched", "edited", "options"]
)
def test_any_change_makes_the_manifest_again(root, checked, change):
    write_manifest(root)
    checked.clear()
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
    assert len(checked) == len(manifest) == {"new": 4, "gone": 2}.get(change, 3)
    assert manifest == read_manifest(root / "all.json")
    noisy = root / "noisy" / "bob_1.wav"
    assert manifest["bob_1"]["noisy_sha256"] == sha256_of(noisy)


# Reading and hashing manifests


def test_reading_needs_a_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json does not exist"):
        read_manifest(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["", '{"a": {', "[]", "{}", '{"a": 1}'])
def test_damaged_manifests_are_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match="bad.json .*prepare the data"):
        read_manifest(path)


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


def test_single_manifest_lists_all_problems(tmp_path):
    write_audio(tmp_path / "one" / "rate.wav", noise(), 44100)
    write_audio(tmp_path / "one" / "silent.wav", np.zeros(8000))
    write_audio(tmp_path / "one" / "good.wav", noise())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError) as caught:
        write_single_manifest(
            [tmp_path / name for name in ("one", "empty", "missing")],
            tmp_path / "noise.json",
        )
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "rate.wav has a sample rate of 44100 Hz" in problems
    assert f"convert_folder('{tmp_path / 'one'}'" in problems
    assert "rate.wav is too short (0.181 s" in problems
    assert "silent.wav is silent" in problems
    assert "empty holds no audio files" in problems
    assert "missing is not a folder" in problems


def test_no_folder_at_all(tmp_path):
    with pytest.raises(ManifestError, match="no folder was given"):
        write_single_manifest([], tmp_path / "noise.json")


def test_manifest_is_plain_indented_json(root):
    write_manifest(root)
    text = (root / "all.json").read_text()
    assert text.startswith('{\n  "ann_1": {\n    "noisy_wav"')
    assert len(json.loads(text)) == 3
