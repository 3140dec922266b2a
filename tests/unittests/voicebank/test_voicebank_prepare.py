"""VoiceBank-DEMAND's folders become three manifests, at 16 kHz, with
validation speakers out of the training set."""

import itertools
from pathlib import Path
from unittest.mock import Mock

import pytest
from voicebank_corpus import prepare, recipe, write_corpus

from dispatch_sb.data import convert as convert_module
from dispatch_sb.data import manifest as manifest_module
from dispatch_sb.data import probe, sha256_of
from dispatch_sb.data.files import audio_files


def located(manifest, folder):
    """All audio of a manifest."""
    return [
        Path(entry[key].replace("{data_root}", str(folder)))
        for entry in manifest.values()
        for key in ("clean_wav", "noisy_wav")
    ]


# What is written


def test_16_khz_folders_are_used_where_they_are(ready, work):
    train, valid, test = prepare(ready, work)
    assert list(train) == ["p227_001", "p228_001"]
    assert list(valid) == ["p226_001", "p226_002"]
    assert list(test) == ["p232_001", "p257_001"]
    entry = train["p227_001"]
    name = "clean_trainset_28spk_wav_16k/p227_001.wav"
    assert entry["clean_wav"] == "{data_root}/" + name
    assert entry["clean_sha256"] == sha256_of(ready / name)
    assert entry["length"] == 0.5
    assert not (work / "saved").exists()


def test_48_khz_folders_are_resampled(archive, work):
    manifests = prepare(archive, work)
    for manifest in manifests:
        for path in located(manifest, archive):
            assert path.is_relative_to(work / "saved" / "resampled")
            assert probe(path) == (8000, 16000, 1)
    assert [len(manifest) for manifest in manifests] == [2, 2, 2]


def test_a_folder_at_16_khz_need_not_say_so(tmp_path, work):
    folder = write_corpus(tmp_path / "corpus", 16000, "")
    prepare(folder, work)
    assert not (work / "saved").exists()


def test_the_16_khz_folder_wins_where_there_are_two(archive, work):
    write_corpus(archive)
    train, _, _ = prepare(archive, work)
    assert "_wav_16k/" in train["p227_001"]["noisy_wav"]
    assert train["p227_001"]["noisy_wav"].startswith("{data_root}/")


def test_words_are_added_where_there(ready, work):
    for part, name in (("trainset_28spk", "p226_001"), ("testset", "p232_001")):
        (ready / f"{part}_txt").mkdir()
        (ready / f"{part}_txt" / f"{name}.txt").write_text("Please call. \n")
    train, valid, test = prepare(ready, work)
    assert valid["p226_001"]["words"] == "Please call."
    assert test["p232_001"]["words"] == "Please call."
    assert "words" not in train["p227_001"]


def test_several_validation_speakers(ready, work):
    train, valid, _ = prepare(ready, work, ["p226", "p228"])
    assert {entry["speaker"] for entry in train.values()} == {"p227"}
    assert {entry["speaker"] for entry in valid.values()} == {"p226", "p228"}


# What is kept


def count_work(monkeypatch):
    """Calls of what resamples a file and of what checks one, from now on;
    gives how many of both there were."""
    calls = []
    for module, name in (
        (convert_module, "write_audio"),
        (manifest_module, "check_file"),
    ):
        calls.append(Mock(wraps=getattr(module, name)))
        monkeypatch.setattr(module, name, calls[-1])
    return lambda: [mock.call_count for mock in calls]


def test_second_run_neither_resamples_nor_checks(archive, work, monkeypatch):
    first = prepare(archive, work)
    counts = count_work(monkeypatch)
    assert prepare(archive, work) == first
    assert counts() == [0, 0]


def test_other_validation_speakers_do_not_resample(archive, work, monkeypatch):
    prepare(archive, work)
    counts = count_work(monkeypatch)
    _, valid, _ = prepare(archive, work, ["p228"])
    assert list(valid) == ["p228_001"]
    assert counts() == [0, 8]


def test_interrupted_resampling_goes_on(archive, work, monkeypatch):
    real, calls = convert_module.write_audio, itertools.count()

    def interrupted(*args):
        if next(calls) >= 5:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(convert_module, "write_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(archive, work)
    monkeypatch.undo()
    done = len(audio_files(work / "saved"))
    assert done == 5 and not (work / "train.json").exists()
    counts = count_work(monkeypatch)
    manifests = prepare(archive, work)
    assert counts()[0] == 12 - done
    assert [len(manifest) for manifest in manifests] == [2, 2, 2]


def test_new_and_deleted_sources_are_followed(archive, work):
    prepare(archive, work)
    for kind in ("clean", "noisy"):
        folder = archive / f"{kind}_trainset_28spk_wav"
        (folder / "p227_001.wav").rename(folder / "p227_009.wav")
    train, _, _ = prepare(archive, work)
    assert list(train) == ["p227_009", "p228_001"]


def test_skip_prep_touches_nothing(ready, work):
    first = prepare(ready, work)
    assert prepare("/nowhere", work, skip_prep=True) == first


def test_skip_prep_needs_the_manifests(ready, work):
    with pytest.raises(FileNotFoundError, match="skip_prep.*train.json"):
        prepare(ready, work, skip_prep=True)


def test_the_corpus_is_known_by_its_speakers_and_its_whole_test_set():
    speakers = recipe.SPEAKERS
    train = {name: {"speaker": name} for name in speakers["train"]}
    valid = {"p226": train.pop("p226")}
    cycle = itertools.cycle(speakers["test"])
    test = {str(i): {"speaker": next(cycle)} for i in range(824)}
    parts = {"train": train, "valid": valid, "test": test}
    about = recipe.describe_voicebank("/data/VB", parts)
    assert about["data"][0]["licence"] == "CC BY 4.0"
    fewer = dict(list(test.items())[1:])
    train.pop("p287")
    for other in (parts, {**parts, "test": fewer}):
        (entry,) = recipe.describe_voicebank("/data/VB", other)["data"]
        assert entry == {"folder": "VB", "use": "training, validation"}
