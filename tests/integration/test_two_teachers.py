"""Several teachers through the recipe: one runs, the other was recorded.

Authors
 * The dispatch-sb contributors, 2026
"""

import shutil

import pytest
from programs import train

from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.facts import facts_of_run


@pytest.fixture(scope="module")
def taught(corpus, teacher, tmp_path_factory):
    """A finished run, and the command's options; what the second teacher
    recorded is the clean speech."""
    folder = tmp_path_factory.mktemp("taught")
    for part in ("trainset_28spk", "testset"):
        clean = corpus / f"clean_{part}_wav_16k"
        shutil.copytree(clean, folder / "recorded" / part)
    options = ["--teacher_source", f"[{teacher}, {folder / 'recorded'}]"]
    options += ["--data_folder", corpus, "--valid_speakers", "[p287]"]
    options += ["--prepared_folder", folder / "prepared", "--examples", 1]
    options += ["--metrics", "[pesq, si_sdr]"]
    live = [*options, "--record_teacher", "False"]
    train("several_teachers", folder / "run", *live)
    return folder / "run", options


def test_each_teacher_is_named_followed_and_scored(taught, teacher):
    run = Run.open(taught[0])
    names = ["teacher_1", "teacher_2"]
    assert run.systems == ["noisy", "student", *names]
    assert run.scores["teacher_2"]["pesq"]["mean"] > 4.4
    assert "student - teacher_2" in run.scores["differences"]
    sources = [one["source"] for one in run.teachers]
    assert sources == [str(teacher), str(taught[0].parent / "recorded")]
    assert run.teachers[0]["weights_sha256"] and run.teacher is None
    for stage in ("train", "valid"):
        terms = run.epochs[0][stage]
        shares = [terms[f"{name}_share_low"] for name in names]
        assert sum(shares) == pytest.approx(1, abs=1e-3) and shares[1] > 0.5
    page = (run.folder / "report.html").read_text()
    for words in ("Teacher 1", "Teacher 2", "following teacher 1 in"):
        assert words in page
    assert (run.folder / "overview.png").stat().st_size > 10_000
    told = "\n".join(facts_of_run(run)["training"])
    assert f"Teacher 1: `{teacher.name}`" in told
    assert "Teacher 2: `recorded`" in told


def test_those_that_run_can_be_recorded(taught):
    """The same run, scored again: the answers differ by rounding."""
    folder, options = taught
    before = Run.open(folder).scores["teacher_1"]["si_sdr"]["mean"]
    train("several_teachers", folder, *options)
    run = Run.open(folder)
    assert all(one["source"] for one in run.teachers)
    assert run.teachers[0]["recording_sha256"]
    after = run.scores["teacher_1"]["si_sdr"]["mean"]
    assert after == pytest.approx(before, abs=0.01)
