"""What `dispatch-sb enhance` will write, before it begins.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dispatch_sb.enhance.plan import plan_jobs


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with in/a.wav, in/sub/b.flac, in/sub/B.OGG and more."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.wav", "in/sub/b.flac", "in/sub/B.OGG", "other/a.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, np.zeros(800), 8000)
    for name in ("in/notes.txt", "in/._a.wav", "in/.hidden.wav"):
        Path(name).write_text("no audio")
    return tmp_path


def targets(*arguments, **options):
    """Targets by source, as text with forward slashes."""
    plan = plan_jobs(*arguments, **options)
    assert not plan.problems
    return {job.source.as_posix(): job.target.as_posix() for job in plan.jobs}


def test_a_folder_keeps_its_structure(here):
    assert targets(["in"], "out") == {
        "in/a.wav": "out/a.wav",
        "in/sub/B.OGG": "out/sub/B.OGG",
        "in/sub/b.flac": "out/sub/b.flac",
    }
    assert targets(["in/sub/../../in/"], "out") == targets(["in"], "out")


def test_several_inputs_keep_their_names(here):
    assert targets(["in", "other"], "out") == {
        "in/a.wav": "out/in/a.wav",
        "in/sub/B.OGG": "out/in/sub/B.OGG",
        "in/sub/b.flac": "out/in/sub/b.flac",
        "other/a.wav": "out/other/a.wav",
    }
    assert targets(["in/a.wav", "in/sub/b.flac"], "out") == {
        "in/a.wav": "out/a.wav",
        "in/sub/b.flac": "out/b.flac",
    }


def test_globs_keep_the_structure_below_their_fixed_part(here):
    assert targets(["in/**/*.[fw]*"], "out") == {
        "in/a.wav": "out/a.wav",
        "in/sub/b.flac": "out/sub/b.flac",
    }
    assert targets(["*/a.wav"], "out") == {
        "in/a.wav": "out/in/a.wav",
        "other/a.wav": "out/other/a.wav",
    }
    Path("in/a[1].wav").write_bytes(Path("in/a.wav").read_bytes())
    assert targets(["in/a[1].wav"], "out") == {"in/a[1].wav": "out/a[1].wav"}


def test_one_file_goes_to_a_file_or_into_a_folder(here):
    assert targets(["in/a.wav"], "b.wav") == {"in/a.wav": "b.wav"}
    assert targets(["in/a.wav"], "out") == {"in/a.wav": "out/a.wav"}
    Path("folder.wav").mkdir()
    found = targets(["in/a.wav"], "folder.wav")
    assert found == {"in/a.wav": "folder.wav/a.wav"}


def test_the_format_comes_from_the_output_or_the_option(here):
    (job,) = plan_jobs(["in/a.wav"], "b.flac").jobs
    assert job.layout.format == "FLAC" and not job.fallback
    jobs = plan_jobs(["in/a.wav", "in/sub/b.flac"], "out", "mp3").jobs
    assert [job.target.name for job in jobs] == ["a.mp3", "b.mp3"]
    with pytest.raises(ValueError, match="b.flac.*--format wav"):
        plan_jobs(["in/a.wav"], "b.flac", "wav")


def test_outputs_that_exist_are_kept(here):
    Path("out/sub").mkdir(parents=True)
    Path("out/sub/b.flac").touch()
    plan = plan_jobs(["in"], "out")
    assert plan.kept == [Path("out/sub/b.flac")] and len(plan.jobs) == 2
    plan = plan_jobs(["in"], "out", overwrite=True)
    assert plan.kept == [] and len(plan.jobs) == 3


def test_an_output_folder_inside_the_input_is_no_input(here):
    before = targets(["in"], "in/enhanced")
    Path("in/enhanced").mkdir()
    soundfile.write("in/enhanced/a.wav", np.zeros(800), 8000)
    assert targets(["in"], "in/enhanced", overwrite=True) == before


def test_damaged_files_do_not_stop_the_plan(here):
    Path("in/empty.wav").touch()
    Path("in/text.flac").write_text("no audio")
    Path("in/link.wav").symlink_to("nowhere.wav")
    plan = plan_jobs(["in"], "out")
    names = ("in/empty.wav", "in/text.flac", "in/link.wav")
    assert set(plan.problems) == set(map(Path, names))
    assert len(plan.jobs) == 3


@pytest.mark.parametrize(
    "inputs, output, named",
    [
        (["in"], "in", r"\bin "),
        (["in/../in/"], "in", r"\bin "),
        (["in/a.wav"], "in", "in/a.wav"),
        (["in/a.wav"], "in/a.wav", "in/a.wav"),
        (["in/a.wav", "other/a.wav"], "out", "other/a.wav .*out/a.wav"),
        (["in"], "b.wav", "b.wav"),
        (["in"], "in/notes.txt", "in/notes.txt"),
        (["nowhere"], "out", "nowhere"),
        (["nowhere.wav"], "b.wav", "nowhere.wav"),
        (["in/*.mp3"], "out", r"in/\*.mp3"),
        (["empty"], "out", "empty"),
    ],
)
def test_what_cannot_work_is_said_before_work_starts(
    here, inputs, output, named
):
    Path("empty").mkdir()
    before = sorted(here.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=named) as told:
        plan_jobs(inputs, output)
    assert "\n" not in str(told.value)
    assert sorted(here.rglob("*")) == before


def test_a_link_to_an_input_is_not_replaced(here):
    Path("out").mkdir()
    Path("out/a.wav").symlink_to(here / "in" / "a.wav")
    with pytest.raises(ValueError, match="out/a.wav"):
        plan_jobs(["in/a.wav"], "out", overwrite=True)


def test_two_formats_of_one_name_collide(here):
    soundfile.write("in/a.flac", np.zeros(800), 8000)
    assert len(plan_jobs(["in"], "out").jobs) == 4
    with pytest.raises(ValueError, match="out/a.ogg"):
        plan_jobs(["in"], "out", "ogg")
