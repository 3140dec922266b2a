"""VoiceBank-DEMAND's folders become three manifests, at 16 kHz, with
validation speakers out of the training set; what does not fit is refused, all
of it at once."""

import itertools
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from dispatch_sb.data import (
    ManifestError,
    located_manifest,
    probe,
    read_manifest,
    sha256_of,
    write_audio,
)

# Recipes are scripts, no package: they are found by their folder.
sys.path.insert(0, str(Path(__file__).parents[3] / "recipes" / "VoiceBank"))
import voicebank_prepare as recipe  # noqa: E402

sys.path.pop(0)

NAMES = {
    "trainset_28spk": ["p226_001", "p226_002", "p227_001", "p228_001"],
    "testset": ["p232_001", "p257_001"],
}
PARTS = ("train", "valid", "test")


def write_corpus(folder, rate=16000, end="_16k"):
    """Half a second of noise in place of every utterance."""
    generator = np.random.default_rng(0)
    for part, names in NAMES.items():
        for name, kind in itertools.product(names, ("clean", "noisy")):
            signal = 0.1 * generator.standard_normal(rate // 2)
            path = folder / f"{kind}_{part}_wav{end}" / f"{name}.wav"
            write_audio(path, signal, rate, "PCM_16")
    return folder


@pytest.fixture
def ready(tmp_path):
    """A corpus at 16 kHz."""
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def archive(tmp_path):
    """A corpus at 48 kHz, as it is downloaded."""
    return write_corpus(tmp_path / "corpus", 48000, "")


@pytest.fixture
def work(tmp_path):
    """Where manifests and resampled files go."""
    return tmp_path / "work"


def times(folder, suffix=""):
    """When files were written."""
    files = folder.rglob(f"*{suffix}")
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def prepare(folder, work, valid_speakers=("p226",)):
    """Runs the recipe's preparation; returns the three manifests."""
    paths = {f"{part}_json": work / f"{part}.json" for part in PARTS}
    recipe.prepare_voicebank(folder, work / "saved", valid_speakers, **paths)
    return [read_manifest(path) for path in paths.values()]


def problems_of(folder, work):
    """What a refused corpus is said to have."""
    with pytest.raises(ManifestError) as caught:
        prepare(folder, work)
    assert str(work) not in str(caught.value)  # but the user's own files
    return sorted(line.split(" ")[0] for line in caught.value.problems)


# What is written and kept


def test_16_khz_folders_are_used_where_they_are(ready, work):
    for part, name in (("trainset_28spk", "p226_001"), ("testset", "p232_001")):
        (ready / f"{part}_txt").mkdir()
        (ready / f"{part}_txt" / f"{name}.txt").write_text("Please call. \n")
    train, valid, test = prepare(ready, work)
    assert list(train) == ["p227_001", "p228_001"]
    assert list(valid) == ["p226_001", "p226_002"]
    assert list(test) == ["p232_001", "p257_001"]
    name = "clean_trainset_28spk_wav_16k/p227_001.wav"
    assert train["p227_001"]["clean_wav"] == "{data_root}/" + name
    assert train["p227_001"]["clean_sha256"] == sha256_of(ready / name)
    assert valid["p226_001"]["words"] == "Please call."
    assert test["p232_001"]["words"] == "Please call."
    assert "words" not in train["p227_001"]
    assert not (work / "saved").exists()


def test_a_folder_at_16_khz_need_not_say_so(tmp_path, work):
    prepare(write_corpus(tmp_path / "corpus", 16000, ""), work)
    assert not (work / "saved").exists()


def test_48_khz_folders_are_resampled_once(archive, work):
    first = prepare(archive, work)
    assert [len(manifest) for manifest in first] == [2, 2, 2]
    for part in PARTS:
        entries = located_manifest(work / f"{part}.json", archive).values()
        for entry in entries:
            for path in (entry["clean_wav"], entry["noisy_wav"]):
                assert path.startswith(str(work / "saved" / "resampled"))
                assert probe(path) == (8000, 16000, 1)
    before, wavs = times(work), times(work, ".wav")
    assert prepare(archive, work) == first and times(work) == before
    _, valid, _ = prepare(archive, work, ["p228"])
    assert list(valid) == ["p228_001"] and times(work, ".wav") == wavs
    for kind in ("clean", "noisy"):
        folder = archive / f"{kind}_trainset_28spk_wav"
        (folder / "p227_001.wav").rename(folder / "p227_009.wav")
    train, _, _ = prepare(archive, work)
    assert list(train) == ["p227_009", "p228_001"]
    write_corpus(archive)  # now at 16 kHz, too
    train, _, _ = prepare(archive, work)
    assert train["p227_001"]["noisy_wav"].startswith("{data_root}/noisy")


def test_a_speaker_of_both_sets_is_pointed_out(ready, work, caplog):
    for kind in ("clean", "noisy"):
        path = ready / f"{kind}_testset_wav_16k" / "p232_001.wav"
        path.rename(path.with_name("p227_101.wav"))
    with caplog.at_level(logging.WARNING):
        prepare(ready, work)
    assert "p227" in caplog.text


def test_the_corpus_is_known_by_its_speakers_and_its_whole_test_set():
    train = {name: {"speaker": name} for name in recipe.TRAIN_SPEAKERS}
    valid = {"p226": train.pop("p226")}
    cycle = itertools.cycle(recipe.TEST_SPEAKERS)
    test = {str(i): {"speaker": next(cycle)} for i in range(824)}
    parts = {"train": train, "valid": valid, "test": test}
    about = recipe.describe_voicebank("/data/VB", parts)
    assert about["data"][0]["licence"] == "CC BY 4.0"
    fewer = dict(list(test.items())[1:])
    train.pop("p287")
    for other in (parts, {**parts, "test": fewer}):
        (entry,) = recipe.describe_voicebank("/data/VB", other)["data"]
        assert entry == {"folder": "VB", "use": "training, validation"}


# What is refused


def test_other_folders_are_no_voicebank(tmp_path, work):
    (tmp_path / "clean_testset_wav").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        prepare(tmp_path, work)
    message = str(caught.value)
    # All four are expected, and three of them missing.
    for name in ("clean_trainset_28spk", "noisy_trainset_28spk", "noisy_test"):
        assert message.count(name) == 2
    assert message.count("clean_testset") == 1
    assert str(tmp_path) in message and "--clean_folders" in message


@pytest.mark.parametrize(
    "speakers", [[], None, ["p226", "p999"], ["p226", "p227", "p228"]]
)
def test_impossible_speakers_are_answered_with_the_known(ready, work, speakers):
    with pytest.raises(ValueError, match="p226, p227, p228") as caught:
        prepare(ready, work, speakers)
    assert "valid_speakers" in str(caught.value)
    assert ("p999" in str(caught.value)) == ("p999" in (speakers or []))
    assert not work.exists()


def test_problems_of_all_three_manifests_come_at_once(ready, work):
    damaged = [
        ready / "clean_testset_wav_16k" / "p232_001.wav",
        ready / "clean_trainset_28spk_wav_16k" / "p227_001.wav",
        ready / "noisy_trainset_28spk_wav_16k" / "p226_001.wav",
    ]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:999])
    assert problems_of(ready, work) == [str(path) for path in damaged]
    for path in damaged[2].parent.iterdir():
        path.unlink()
    folder = str(damaged[2].parent)
    assert problems_of(ready, work) == [str(damaged[0]), folder]  # once


def test_problems_of_48_khz_files_name_these(archive, work):
    clean = archive / "clean_trainset_28spk_wav"
    noisy = archive / "noisy_trainset_28spk_wav"
    (clean / "p226_001.wav").write_text("no audio")
    write_audio(noisy / "p227_001.wav", np.ones(9000), 8000)
    bad = [str(clean / "p226_001.wav"), str(noisy / "p227_001.wav")]
    assert problems_of(archive, work) == bad
    write_corpus(archive, 48000, "")
    write_audio(clean / "p226_001.wav", np.zeros(24000), 48000)
    (clean / "p228_001.wav").unlink()
    bad = [str(clean / "p226_001.wav"), str(noisy / "p228_001.wav")]
    assert problems_of(archive, work) == bad
