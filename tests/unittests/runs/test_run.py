"""A run's folder, read and written by one class.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import pytest

from dispatch_sb.runs.run import Run


@pytest.fixture
def run(tmp_path):
    """A run that noted where its data are."""
    folder = tmp_path / "recipe" / "results" / "run"
    run = Run(folder)
    run.note(directory=str(tmp_path / "recipe"), corpus={"root": "data"})
    run.write_settings("seed: 1\n")
    (tmp_path / "recipe" / "data").mkdir()
    return run


def test_what_was_noted_stays_until_it_is_noted_anew(run):
    run.note(seed=1, corpus={"root": "other"})
    run.note(seed=2)
    record = Run.open(run.folder).record
    assert record["seed"] == 2 and record["corpus"] == {"root": "other"}
    assert record.keys() == {"directory", "corpus", "seed"}


def test_a_damaged_record_is_named_and_written_anew(run):
    path = run.folder / "run.json"
    path.write_text("[1]")
    with pytest.raises(ValueError, match="run.json.*--test_only"):
        _ = Run(run.folder).record
    Run(run.folder).note(seed=3)
    assert Run(run.folder).record == {"seed": 3}


def test_test_files_are_found_from_anywhere(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "lists" / "test.json"
    elsewhere.parent.mkdir()
    entry = {"noisy_wav": "{data_root}/a.wav", "speaker": "s"}
    elsewhere.write_text(json.dumps({"a": entry}))
    run.note(manifests={"test": {"path": "../lists/test.json"}})
    found = run.test_files["a"]["noisy_wav"]
    assert found == str(tmp_path / "recipe" / "data" / "a.wav")
    moved = tmp_path / "moved"
    (tmp_path / "recipe").rename(moved)
    run = Run.open(moved / "results" / "run")
    assert run.data_root == moved / "data"


def test_a_run_without_a_record_still_opens(run):
    (run.folder / "run.json").unlink()
    (run.folder / "training.jsonl").write_text(
        "\n".join(
            json.dumps({"epoch": n, "valid": valid})
            for n, valid in enumerate([{"pesq": 1.7}, {"pesq": 1.7}, {}])
        )
    )
    run = Run.open(run.folder)
    assert run.record == {} and run.teacher is None and run.data_root is None
    assert run.best["epoch"] == 1 and run.settings.plain == {"seed": 1}


def test_the_facts_are_what_was_noted_and_what_stands_beside_the_scores(run):
    """Scores of old runs name the teacher themselves."""
    run.write_scores({"student": {}}, {"seed": 7, "teacher_source": "big"})
    assert run.facts == {"seed": 7, "teacher_source": "big"}
    run.note(teacher={"source": "lab/big", "commit": None})
    assert run.facts["teacher"] == {"source": "lab/big"}


def test_several_teachers_are_told_apart(run):
    noted = [{"source": "a", "commit": None}, {"source": "b", "licence": "mit"}]
    run.note(teacher=noted)
    scored = {"noisy": {"pesq": {}}, "teacher_1": {"pesq": {}}}
    scored |= {"teacher_2": {"pesq": {}}, "student": {"pesq": {}}}
    run.write_scores({**scored, "files": {}}, {"teacher_hash": "ab"})
    assert run.teachers == noted and run.teacher is None
    assert run.systems == ["noisy", "student", "teacher_1", "teacher_2"]
    assert run.scored_teachers == run.systems[2:]
    assert list(run.enhanced("a")) == run.systems[1:]
    assert run.facts == {
        "teacher_1": {"source": "a"},
        "teacher_2": {"source": "b", "licence": "mit"},
        "teacher_hash": "ab",
    }


def test_scores_are_strict_json_written_whole(tmp_path):
    run = Run(tmp_path / "new")
    run.write_scores({"student": {}}, {"seed": 7})
    path = run.folder / "scores.json"
    before = path.read_text()
    assert json.loads(before) == {"student": {}, "seed": 7} == run.scores
    with pytest.raises(ValueError, match="JSON"):
        run.write_scores({"student": float("nan")}, {})
    with pytest.raises(ValueError, match="files"):
        run.write_scores({"files": {}}, {"files": 1})
    assert [p.name for p in run.folder.iterdir()] == [path.name]
    assert path.read_text() == before


def test_a_recipe_of_an_earlier_version_still_builds(tmp_path):
    """Its names are those of modules that have moved since."""
    run = Run(tmp_path)
    run.write_settings(
        "distillation_loss: !new:dispatch_sb.losses.DistillationLoss\n"
        "  host: !apply:dispatch_sb.config.choose\n"
        "    name: l2\n"
        "    among:\n"
        "      l2: !name:dispatch_sb.losses.MagnitudeL2\n"
        "    patch_bins: 20\n"
    )
    assert run.distillation_loss().host.patch_bins == (20,)
