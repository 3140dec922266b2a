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
    # All four are expected, and three of them missing.
    for name in ("clean_trainset_28spk", "noisy_trainset_28spk", "noisy_test"):
        assert message.count(name) == 2
    assert message.count("clean_testset") == 1
    for named in (str(tmp_path), "mini corpus", "--clean_folders"):
        assert named in message


@pytest.mark.parametrize(
    "speakers", [[], None, ["p226", "p999"], ["p226", "p227", "p228"]]
)
def test_impossible_validation_speakers_are_answered_with_the_known(
    ready, work, speakers
):
    with pytest.raises(ValueError, match="p226, p227, p228") as caught:
        prepare(ready, work, speakers)
    assert "valid_speakers" in str(caught.value)
    assert ("p999" in str(caught.value)) == ("p999" in (speakers or []))
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
        assert str(path) in str(caught.value)


def test_an_empty_folder_is_named_once(ready, work):
    folder = ready / "noisy_trainset_28spk_wav_16k"
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ManifestError) as caught:
        prepare(ready, work)
    (problem,) = caught.value.problems
    assert str(folder) in problem


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
    for path in (folder / "p226_001.wav", folder / "p227_001.wav"):
        assert str(path) in problems
    assert str(other / "p232_001.wav") in problems


def test_problems_name_the_48_khz_file_not_its_copy(archive, work):
    clean = archive / "clean_trainset_28spk_wav"
    write_audio(clean / "p227_001.wav", np.zeros(24000), 48000)
    (clean / "p228_001.wav").unlink()
    with pytest.raises(ManifestError) as caught:
        prepare(archive, work)
    assert len(caught.value.problems) == 2
    noisy = archive / "noisy_trainset_28spk_wav"
    for path in (clean / "p227_001.wav", noisy / "p228_001.wav"):
        assert str(path) in str(caught.value)
    assert "saved" not in str(caught.value)


def test_a_speaker_of_both_sets_is_pointed_out(ready, work, caplog):
    for kind in ("clean", "noisy"):
        path = ready / f"{kind}_testset_wav_16k" / "p232_001.wav"
        path.rename(path.with_name("p227_101.wav"))
    with caplog.at_level(logging.WARNING):
        prepare(ready, work)
    assert "p227" in caplog.text
