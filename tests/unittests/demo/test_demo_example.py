"""The recording that the page offers: whose it is, and that it is that."""

import json

import pytest
import soundfile
from demo_signals import RATE, write_pair

from dispatch_sb.data.files import sha256_of
from dispatch_sb.demo import sample_recording
from dispatch_sb.demo.sample_recording import find_example
from dispatch_sb.runs.run import Run


@pytest.fixture
def files(tmp_path):
    """A noisy file and its clean version."""
    return write_pair(tmp_path)


@pytest.fixture
def run(files, tmp_path):
    """A run of which the second of two test pairs is the median."""
    folder = tmp_path / "results"
    (folder / "manifests").mkdir(parents=True)
    (folder / "save").mkdir()
    (folder / "hyperparams.yaml").write_text("seed: 1\n")
    Run(folder).note(corpus={"root": str(tmp_path)})
    entry = {
        "noisy_wav": "{data_root}/noisy.wav",
        "clean_wav": "{data_root}/clean.wav",
        "length": 1.5,
        "speaker": "a",
        "noisy_sha256": sha256_of(files[0]),
        "clean_sha256": sha256_of(files[1]),
    }
    other = {**entry, "noisy_wav": "{data_root}/other.wav"}
    manifest = {"first": other, "second": entry, "third": other}
    path = folder / "manifests" / "test.json"
    path.write_text(json.dumps(manifest))
    gains = {"first": 0.5, "second": 0.2, "third": 0.1}
    scores = {
        name: {"noisy": {"pesq": 1.0}, "student": {"pesq": 1 + gain}}
        for name, gain in gains.items()
    }
    (folder / "scores.json").write_text(json.dumps({"files": scores}))
    return folder


def test_a_runs_example_is_its_median_test_pair(run, files):
    found = find_example(run, "organisation/teacher")
    assert found[:2] == files
    assert "second" in found.about and "median" in found.about


def test_other_audio_in_the_same_place_is_not_the_runs(run, files, tmp_path):
    soundfile.write(files[1], [0.1] * RATE, RATE)
    found = find_example(run)
    assert found is None or found.clean is None


def test_a_models_own_example_comes_next(files, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    files[0].rename(folder / "example.wav")
    found = find_example("organisation/student", None, folder)
    assert found.noisy == folder / "example.wav" and found.clean is None


def test_without_any_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_recording, "BUILT_IN", "no/such.wav")
    assert find_example(tmp_path, "organisation/model") is None
