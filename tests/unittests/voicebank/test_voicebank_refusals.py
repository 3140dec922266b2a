"""Folders that are not VoiceBank-DEMAND, speakers that it does not have and
damaged files are refused, all of them at once."""

import logging

import numpy as np
import pytest
import soundfile
from voicebank_corpus import prepare

from dispatch_sb.data import ManifestError, write_audio


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
