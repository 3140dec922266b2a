"""Models that are pushed to a hub, by the real client to a real server on
127.0.0.1: one commit with all of the folder, or nothing at all.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hub_pusher import (
    WRITE,
    complete_folder,
    contents,
    files_at,
    uploads,
)
from hub_worker import same


def writes(hub) -> list[str]:
    """Requests that could change anything."""
    return [line for line in hub.requests if not line.startswith("GET ")]


def test_a_new_model_is_private_and_one_commit(hub, push, model):
    done = push(model, "lab/new", "--message", "First light")
    repository = hub.repositories["lab/new"]
    assert repository.private
    assert repository.branches == {"main": done.commit}
    assert list(repository.titles.values()) == ["initial commit", "First light"]
    assert files_at(hub, "lab/new", done.commit) == contents(model, "lab/new")
    assert len(uploads(hub)) == 2


def test_it_says_how_the_model_is_used(hub, push, model):
    done = push(model, "team/told", "--tag", "v1.0")
    assert done.out.startswith(
        f"{hub.endpoint}/team/told (private)\n"
        f"commit {done.commit}, tag v1.0: README.md, config.json, "
    )
    commit = done.commit
    assert f"--teacher_source team/told --teacher_revision {commit}" in done.out
    assert f'load_student("team/told", revision="{commit}")' in done.out
    assert hub.repositories["team/told"].tags == {"v1.0": commit}


def test_a_public_model_can_be_loaded_by_all(hub, push, worker, model, savedir):
    commit = push(model, "lab/public", "--public").commit
    assert not hub.repositories["lab/public"].private
    answer = worker.load("lab/public", revision=commit, savedir=savedir)
    assert same(answer, model)


def test_hidden_files_stay_here_and_folders_go(hub, push, model):
    (model / ".env").write_text("secret")
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("secret")
    (model / "pictures").mkdir()
    (model / "pictures" / "gap.png").write_bytes(b"png")
    commit = push(model, "lab/hidden").commit
    files = files_at(hub, "lab/hidden", commit)
    assert files.pop("pictures/gap.png") == b"png"
    assert not [name for name in files if name.startswith(".")]


def test_a_finished_push_done_again_sends_nothing(hub, push, model):
    commit = push(model, "lab/twice").commit
    hub.requests.clear()
    again = push(model, "lab/twice", "--tag", "v1")
    assert again.commit == commit
    assert "all files were there already" in again.out
    assert hub.repositories["lab/twice"].tags == {"v1": commit}
    assert writes(hub) == ["POST /api/models/lab/twice/tag/" + commit]


def test_an_update_sends_what_changed_and_keeps_the_rest(
    hub, push, model, tmp_path
):
    (model / "notes.txt").write_text("Kept.")
    first = push(model, "lab/update").commit
    newer = complete_folder(tmp_path / "newer", seed=2)
    hub.requests.clear()
    done = push(newer, "lab/update", "--update")
    second = done.commit
    assert done.out.splitlines()[1] == (
        f"commit {second}: enhance_model.ckpt, model.safetensors"
    )
    assert hub.repositories["lab/update"].branches == {"main": second}
    assert files_at(hub, "lab/update", second) == {
        **contents(newer, "lab/update"),
        "notes.txt": b"Kept.",
    }
    assert files_at(hub, "lab/update", first) == contents(model, "lab/update")
    assert len(uploads(hub)) == 2


def test_an_update_of_a_branch_leaves_main_alone(hub, push, model, tmp_path):
    main = push(model, "lab/branch").commit
    newer = complete_folder(tmp_path / "newer", seed=2)
    done = push(newer, "lab/branch", "--update", "--revision", "trial")
    branches = hub.repositories["lab/branch"].branches
    assert branches == {"main": main, "trial": done.commit}
    assert done.commit != main


@pytest.mark.parametrize("token", ["", WRITE])
def test_a_dry_run_lists_the_files_and_asks_nobody(
    hub, push, model, offline, token
):
    (model / ".env").write_text("secret")
    offline()
    done = push(model, "lab/dry", "--dry-run", token=token)
    assert done.status == 0, done.err
    assert f"private {hub.endpoint}/lab/dry" in done.out
    sizes = {line.split()[1]: line.split()[0] for line in lines_of(done)}
    files = contents(model, "lab/dry")
    assert sizes.keys() == files.keys() - {".env"}
    assert sizes["config.json"] == f"{len(files['config.json'])}B"
    assert hub.requests == []


def lines_of(done) -> list[str]:
    """The indented lines of a dry run."""
    return [line for line in done.out.splitlines() if line.startswith("  ")]
