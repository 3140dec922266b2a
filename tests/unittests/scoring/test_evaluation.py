"""Who is scored, on what, and from which cache.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from dispatch_sb.data import read_audio, write_audio
from dispatch_sb.pretrained.teacher import Teacher
from dispatch_sb.scoring import evaluation
from dispatch_sb.training import last_stage

RATE = 16000


class Recorded(Teacher):
    """A teacher that is a folder of files."""

    live = False

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def recording_of(self, noisy):
        path = self.folder / f"{Path(noisy).stem}.flac"
        return path if path.is_file() else None

    def forward(self, noisy):
        raise RuntimeError("a recording does not run")


class Control(Teacher):
    """A teacher without output of its own for a test file."""

    live = False


@pytest.fixture
def entries(tmp_path):
    """Two pairs, and recordings of them."""
    generator = np.random.default_rng(0)
    made = {}
    for name in "ab":
        clean = 0.1 * generator.standard_normal(RATE)
        paths = {k: tmp_path / k / f"{name}.wav" for k in ("clean", "noisy")}
        write_audio(paths["clean"], clean)
        write_audio(paths["noisy"], clean + 0.1 * generator.random(RATE))
        recording = tmp_path / "recorded" / f"{name}.flac"
        write_audio(recording, 0.5 * clean, subtype="PCM_16")
        made[name] = {f"{k}_wav": str(path) for k, path in paths.items()}
        made[name]["length"] = RATE
    return made


def test_recordings_are_the_teacher(entries, tmp_path):
    models = {
        "student": nn.Identity(),
        "teacher": Recorded(tmp_path / "recorded"),
    }
    scores = evaluation.score_models(
        models, entries, tmp_path / "run", workers=1, metrics="si_sdr"
    )
    assert scores["teacher"]["si_sdr"]["mean"] > 60  # 16 bits of the clean
    assert scores["student"]["si_sdr"] == scores["noisy"]["si_sdr"]
    heard = read_audio(tmp_path / "run" / "enhanced" / "teacher" / "a.wav")
    expected = read_audio(tmp_path / "recorded" / "a.flac")
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("change", ["missing", "length", "control"])
def test_a_teacher_without_every_file_has_no_column(entries, tmp_path, change):
    recording = tmp_path / "recorded" / "b.flac"
    teacher = Recorded(recording.parent)
    if change == "missing":
        recording.unlink()
    elif change == "length":
        write_audio(recording, np.zeros(RATE - 1), subtype="PCM_16")
    else:
        teacher = Control()
    assert evaluation.recordings_of(teacher, entries) is None


def run_of(entries, tmp_path, monkeypatch, teacher, metrics="si_sdr"):
    """What `evaluate_run` scores; its report is left out."""
    for name in ("build_report", "save_overview"):
        monkeypatch.setattr(last_stage, name, lambda *_, **__: None)
    manifest = tmp_path / "test.json"
    manifest.write_text(json.dumps(entries))
    student = nn.Identity()
    hparams = {
        **{"output_folder": tmp_path / "run", "test_manifest": manifest},
        **{"student": student, "teacher": teacher, "workers": 1},
        **{"method": "l2", "seed": 1, "examples": 1, "metrics": metrics},
        **{"distillation_loss": None, "scores_cache": tmp_path / "all.jsonl"},
    }
    brain = SimpleNamespace(
        checkpointer=SimpleNamespace(recover_if_possible=lambda **_: "best"),
        debug=False,
        distils=True,
        modules=nn.ModuleDict(),
        device="cpu",
    )
    return last_stage.evaluate_run(brain, hparams, str(tmp_path))


def test_a_run_is_scored_again_only_if_something_changed(
    entries, tmp_path, monkeypatch
):
    alone = run_of(entries, tmp_path, monkeypatch, Control())
    assert "teacher" not in alone and alone["student"]["si_sdr"]["n"] == 2
    teacher = Recorded(tmp_path / "recorded")
    first = run_of(entries, tmp_path, monkeypatch, teacher)
    path = tmp_path / "run" / "scores.json"
    before = path.stat().st_mtime_ns
    run_of(entries, tmp_path, monkeypatch, teacher)
    assert path.stat().st_mtime_ns == before
    more = run_of(entries, tmp_path, monkeypatch, teacher, "si_sdr, stoi")
    assert "stoi" in more["teacher"]
    assert more["teacher"]["si_sdr"] == first["teacher"]["si_sdr"]
    write_audio(teacher.folder / "a.flac", np.ones(RATE), subtype="PCM_16")
    other = run_of(entries, tmp_path, monkeypatch, teacher, "si_sdr, stoi")
    assert other["teacher"]["si_sdr"]["failed"] == 1  # it is constant
    noisy = Path(entries["a"]["noisy_wav"])
    away = noisy.rename(tmp_path / "away.wav")
    lost = run_of(entries, tmp_path, monkeypatch, Control())
    assert lost["noisy"]["si_sdr"]["failed"] == 1
    assert lost["student"]["si_sdr"]["n"] == 1
    away.rename(noisy)
    again = run_of(entries, tmp_path, monkeypatch, Control())
    assert again["student"] == alone["student"]
