"""What manifests refuse: every problem at once, with its file and remedy."""

import numpy as np
import pytest
import soundfile
from pair_folders import write_manifest, write_pair
from sounds import cut, noise

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
    cut(noisy / "ann_cut.wav")
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
    expected = {  # file: what its line names besides
        clean / "ann_1.wav": noisy,
        noisy / "bob_1.wav": clean,
        noisy / "ann_cut.wav": "",
        clean / "ann_zero.wav": "",
        noisy / "ann_text.wav": "",
        clean / "ann_short.wav": "0.100",
        noisy / "ann_short.wav": "0.100",
        noisy / "ann_lengths.wav": "9600",
        clean / "ann_nan.wav": "",
        clean / "ann_inf.wav": "",
        clean / "bob_silent.wav": "",
        clean / "bob_offset.wav": "",
        noisy / "bob_stereo.wav": "4000",
        noisy / "bob_rate.wav": "8000",
    }
    problems = problems_of(root)
    for path, named in expected.items():
        lines = [line for line in problems if line.startswith(f"{path} ")]
        assert any(str(named) in line for line in lines), path
    for name in ("bob_stereo.wav", "bob_rate.wav"):
        (line,) = [x for x in problems if name in x and "convert_folder" in x]
    assert len(problems) == len(expected) + 1  # stereo is shorter, too


def test_empty_and_missing_folders_are_named(root, tmp_path):
    for kind in ("clean", "noisy"):
        (root / kind).rename(tmp_path / "kept")
        (root / kind).mkdir()
        (problem,) = problems_of(root)
        assert str(root / kind) in problem
        (root / kind).rmdir()
        (tmp_path / "kept").rename(root / kind)
    clean, noisy = problems_of(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere" / "clean") in clean
    assert str(tmp_path / "nowhere" / "noisy") in noisy


@pytest.mark.parametrize("option", ["speakers", "exclude_speakers"])
def test_unknown_speakers_are_answered_with_the_known(root, option):
    (problem,) = problems_of(root, **{option: ["ann", "eve"]})
    assert all(name in problem for name in ("eve", "ann", "bob"))


def test_nobody_left(root):
    (problem,) = problems_of(root, exclude_speakers=["ann", "bob"])
    assert "ann, bob" in problem


def test_equal_ids_are_refused(root):
    write_audio(root / "clean" / "ann_1.flac", noise(), subtype="PCM_16")
    (problem,) = problems_of(root)
    assert "ann_1.flac" in problem and "ann_1.wav" in problem


def test_vanished_file_is_a_problem_not_a_crash(root):
    (root / "clean" / "ann_9.wav").symlink_to(root / "gone.wav")
    write_audio(root / "noisy" / "ann_9.wav", noise())
    (problem,) = problems_of(root)
    assert str(root / "clean" / "ann_9.wav") in problem


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
    for name in ("one/silent.wav", "empty", "missing"):
        assert str(tmp_path / name) in problems
    # One line each for the rate and, as it is heard, for 0.181 seconds.
    assert problems.count(str(tmp_path / "one" / "rate.wav")) == 2
    for named in ("44100", f"convert_folder('{tmp_path / 'one'}'", "0.181"):
        assert named in problems
    with pytest.raises(ManifestError):
        write_single_manifest([], tmp_path / "noise.json")


@pytest.mark.parametrize("text", [None, "", '{"a": {', "[]", "{}", '{"a": 1}'])
def test_missing_and_damaged_manifests_are_named(tmp_path, text):
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    error = FileNotFoundError if text is None else ManifestError
    with pytest.raises(error, match="bad.json"):
        read_manifest(path)
