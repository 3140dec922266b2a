"""What manifests refuse: every problem at once, with its file and remedy."""

import numpy as np
import pytest
import soundfile
from pair_folders import write_manifest, write_pair
from sounds import noise

from dispatch_sb.data import (
    ManifestError,
    read_manifest,
    write_audio,
    write_single_manifest,
)

RATE = 16000


def problems_of(root, **options):
    """What a refused pair manifest complains of."""
    with pytest.raises(ManifestError) as caught:
        write_manifest(root, **options)
    assert not (root / "all.json").exists()
    for line in caught.value.problems:
        assert line in str(caught.value)
    return caught.value.problems


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


def test_refusal_keeps_the_manifest_that_is_there(root):
    write_manifest(root)
    before = (root / "all.json").read_bytes()
    write_audio(root / "clean" / "ann_1.wav", np.zeros(8000))
    with pytest.raises(ManifestError):
        write_manifest(root)
    assert (root / "all.json").read_bytes() == before


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


def test_reading_needs_a_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json does not exist"):
        read_manifest(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["", '{"a": {', "[]", "{}", '{"a": 1}'])
def test_damaged_manifests_are_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match="bad.json .*prepare the data"):
        read_manifest(path)
