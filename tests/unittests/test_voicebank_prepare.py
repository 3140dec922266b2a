"""VoiceBank-DEMAND's folders become three manifests, at 16 kHz, with
validation speakers out of the training set."""

import importlib.util
import itertools
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dispatch_sb.data import (
    ManifestError,
    probe,
    read_manifest,
    sha256_of,
    write_audio,
)
from dispatch_sb.data import convert as convert_module
from dispatch_sb.data import manifest as manifest_module
from dispatch_sb.data.files import audio_files

RECIPE = Path(__file__).parents[2] / "recipes/VoiceBank/voicebank_prepare.py"
NAMES = {
    "trainset_28spk": ["p226_001", "p226_002", "p227_001", "p228_001"],
    "testset": ["p232_001", "p257_001"],
}
PARTS = ("train", "valid", "test")


def load_recipe():
    spec = importlib.util.spec_from_file_location("prepare_under_test", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recipe = load_recipe()


def write_corpus(folder, rate=16000, end="_16k"):
    """Half a second of noise in place of every utterance."""
    generator = np.random.default_rng(0)
    for part, names in NAMES.items():
        for name in names:
            for kind in ("clean", "noisy"):
                signal = 0.1 * generator.standard_normal(rate // 2)
                path = folder / f"{kind}_{part}_wav{end}" / f"{name}.wav"
                write_audio(path, signal, rate, "PCM_16")
    return folder


def prepare(folder, work, valid_speakers=("p226",), **options):
    """Runs the recipe's preparation; returns the three manifests."""
    paths = {f"{part}_json": work / f"{part}.json" for part in PARTS}
    recipe.prepare_voicebank(
        folder, work / "saved", valid_speakers, **paths, **options
    )
    return [read_manifest(path) for path in paths.values()]


def located(manifest, folder):
    """All audio of a manifest."""
    return [
        Path(entry[key].replace("{data_root}", str(folder)))
        for entry in manifest.values()
        for key in ("clean_wav", "noisy_wav")
    ]


@pytest.fixture
def ready(tmp_path):
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def archive(tmp_path):
    return write_corpus(tmp_path / "corpus", 48000, "")


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


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
    """Counts files resampled and pairs checked from now on."""
    counts = {"resampled": 0, "checked": 0}

    def counting(name, function):
        def counted(*args, **options):
            counts[name] += 1
            return function(*args, **options)

        return counted

    for module, function, name in (
        (convert_module, "write_audio", "resampled"),
        (manifest_module, "check_pair", "checked"),
    ):
        real = getattr(module, function)
        monkeypatch.setattr(module, function, counting(name, real))
    return counts


def test_second_run_neither_resamples_nor_checks(archive, work, monkeypatch):
    first = prepare(archive, work)
    counts = count_work(monkeypatch)
    assert prepare(archive, work) == first
    assert counts == {"resampled": 0, "checked": 0}


def test_other_validation_speakers_do_not_resample(archive, work, monkeypatch):
    prepare(archive, work)
    counts = count_work(monkeypatch)
    _, valid, _ = prepare(archive, work, ["p228"])
    assert list(valid) == ["p228_001"]
    assert counts == {"resampled": 0, "checked": 4}


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
    assert counts["resampled"] == 12 - done
    assert [len(manifest) for manifest in manifests] == [2, 2, 2]


def test_truncated_resampled_file_is_made_again(archive, work):
    train, _, _ = prepare(archive, work)
    path = located(train, archive)[0]
    good, status = path.read_bytes(), path.stat()
    path.write_bytes(good[:1000])
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert prepare(archive, work)[0] == train
    assert path.read_bytes() == good


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


# What is refused


def test_other_folders_are_no_voicebank(tmp_path, work):
    (tmp_path / "clean_testset_wav").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        prepare(tmp_path, work)
    message = str(caught.value)
    assert f"{tmp_path} is not VoiceBank-DEMAND" in message
    expected, _, rest = message.partition("Missing: ")
    missing = rest.partition(". Unpack")[0].split(", ")
    assert len(missing) == 3 and "clean_testset_wav" not in missing
    for name in [*missing, "clean_testset_wav"]:
        assert name in expected
    for words in ("mini corpus", "--clean_folders"):
        assert words in message


def test_unknown_validation_speaker(ready, work):
    with pytest.raises(ValueError, match="p999.*are p226, p227, p228"):
        prepare(ready, work, ["p226", "p999"])


@pytest.mark.parametrize("speakers", [[], None])
def test_no_validation_speaker(ready, work, speakers):
    with pytest.raises(ValueError, match="valid_speakers is empty.*p226, p227"):
        prepare(ready, work, speakers)


def test_nothing_left_to_train_on(ready, work):
    with pytest.raises(ValueError, match="nothing is left to train on"):
        prepare(ready, work, ["p226", "p227", "p228"])
    assert not work.exists()


def test_problems_of_all_three_manifests_come_at_once(ready, work):
    damaged = [
        ready / "noisy_trainset_28spk_wav_16k" / "p226_001.wav",
        ready / "clean_trainset_28spk_wav_16k" / "p227_001.wav",
        ready / "clean_testset_wav_16k" / "p232_001.wav",
    ]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(ManifestError) as caught:
        prepare(ready, work)
    assert len(caught.value.problems) == len(damaged)
    for path in damaged:
        assert f"{path} is truncated" in str(caught.value)


def test_an_empty_folder_is_named_once(ready, work):
    folder = ready / "noisy_trainset_28spk_wav_16k"
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ManifestError) as caught:
        prepare(ready, work)
    (problem,) = caught.value.problems
    assert f"{folder} holds no audio files" in problem


def test_bad_48_khz_files_are_all_named_before_training(archive, work):
    folder = archive / "clean_trainset_28spk_wav"
    other = archive / "noisy_testset_wav"
    (folder / "p226_001.wav").write_text("no audio")
    write_audio(folder / "p227_001.wav", np.ones(9000), 8000)
    stereo = np.zeros((24000, 2))
    soundfile.write(other / "p232_001.wav", stereo, 48000)
    with pytest.raises(ManifestError) as caught:
        prepare(archive, work)
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    assert f"{folder / 'p226_001.wav'} cannot be read" in problems
    assert f"{folder / 'p227_001.wav'} has a sample rate of 8000" in problems
    assert f"{other / 'p232_001.wav'} has 2 channels" in problems


def test_problems_name_the_48_khz_file_not_its_copy(archive, work):
    clean = archive / "clean_trainset_28spk_wav"
    write_audio(clean / "p227_001.wav", np.zeros(24000), 48000)
    (clean / "p228_001.wav").unlink()
    with pytest.raises(ManifestError) as caught:
        prepare(archive, work)
    assert len(caught.value.problems) == 2
    message = str(caught.value)
    assert f"{clean / 'p227_001.wav'} is silent" in message
    assert f"{archive}/noisy_trainset_28spk_wav/p228_001.wav has no" in message
    assert "saved" not in message


def test_a_speaker_of_both_sets_is_pointed_out(ready, work, caplog):
    for kind in ("clean", "noisy"):
        path = ready / f"{kind}_testset_wav_16k" / "p232_001.wav"
        path.rename(path.with_name("p227_101.wav"))
    with caplog.at_level(logging.WARNING):
        prepare(ready, work)
    assert "p227 train and test" in caplog.text
