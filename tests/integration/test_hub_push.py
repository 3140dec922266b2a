"""Models that are pushed to a hub, by the real client to a real server on
127.0.0.1: one commit with all of the folder, or nothing at all.

Authors
 * The dispatch-sb contributors, 2026
"""

import threading
import time

import pytest
from hub_server import READ, WRITE, Fault, sha256
from hub_worker import contents, files_at, model_folder, same


def uploads(hub) -> list[str]:
    """The uploads of large files since the requests were cleared."""
    return [line for line in hub.requests if line.startswith("PUT ")]


def test_a_new_model_is_private_and_one_commit(hub, push, model):
    (model / ".env").write_text("secret")
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("secret")
    done = push(model, "team/new", "--message", "First", "--tag", "v1.0")
    repository, commit = hub.repositories["team/new"], done.commit
    assert repository.private and f"{hub.endpoint}/team/new" in done.out
    assert repository.branches == {"main": commit}
    assert repository.tags == {"v1.0": commit}
    assert list(repository.titles.values()) == ["initial commit", "First"]
    (model / ".env").unlink()
    (model / ".git").rename(model.parent / "git")
    assert files_at(hub, "team/new") == contents(model, "team/new")
    assert len(uploads(hub)) == 2
    assert f"--teacher_source team/new --teacher_revision {commit}" in done.out
    assert f'load_student("team/new", revision="{commit}")' in done.out


def test_a_public_model_can_be_loaded_by_all(hub, push, worker, model, savedir):
    (model / "pictures").mkdir()
    (model / "pictures" / "gap.png").write_bytes(b"png")
    commit = push(model, "lab/public", "--public").commit
    assert not hub.repositories["lab/public"].private
    assert files_at(hub, "lab/public")["pictures/gap.png"] == b"png"
    answer = worker.load("lab/public", revision=commit, savedir=savedir)
    assert same(answer, model)


@pytest.mark.parametrize("branch", ["main", "trial"])
def test_an_update_sends_what_changed_and_keeps_the_rest(
    hub, push, model, tmp_path, branch
):
    (model / "notes.txt").write_text("Kept.")
    first = push(model, "lab/update").commit
    newer = model_folder(tmp_path / "newer", seed=2)
    hub.requests.clear()
    done = push(newer, "lab/update", "--update", "--revision", branch)
    told = done.out.splitlines()[1]
    assert "model.safetensors" in told and "README.md" not in told
    branches = hub.repositories["lab/update"].branches
    assert branches == {"main": first, branch: done.commit}
    expected = {**contents(newer, "lab/update"), "notes.txt": b"Kept."}
    assert files_at(hub, "lab/update", branch) == expected
    assert files_at(hub, "lab/update", first) == contents(model, "lab/update")
    assert len(uploads(hub)) == 2


def test_a_dry_run_lists_the_files_and_asks_nobody(hub, push, model, offline):
    (model / ".env").write_text("secret")
    offline()
    done = push(model, "lab/dry", "--dry-run", token="")
    assert done.status == 0 and f"{hub.endpoint}/lab/dry" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    sizes = {line[1]: line[0] for line in lines if len(line) == 2}
    files = contents(model, "lab/dry")
    assert sizes.keys() == files.keys() - {".env"}
    assert sizes["config.json"] == f"{len(files['config.json'])}B"
    assert hub.requests == []


@pytest.mark.parametrize(
    "token, name, told",
    [
        ("", "lab/x", ("HF_TOKEN", "hf auth login", "/settings/tokens")),
        ("hf_wrong", "lab/x", ("401", "HF_TOKEN", "/settings/tokens")),
        (READ, "lab/x", ("403", "lab/x", "/settings/tokens")),
        (WRITE, "nobody/x", ("403", "nobody/x")),
    ],
)
def test_a_token_that_will_not_do(hub, push, model, token, name, told):
    error = push(model, name, token=token).error
    assert all(words in error for words in told), error
    assert hub.repositories == {}
    assert bool(hub.requests) == bool(token)


def test_no_network(hub, push, model, offline):
    offline()
    done = push(model, "lab/x")
    assert hub.endpoint in done.error and "repeat" in done.error
    assert done.seconds < 2


def test_other_files_are_committed_onto_only_if_asked(hub, push, model):
    assert "--update" in push(model, "lab/taken", "--update").error
    assert hub.repositories == {}
    commit = push(model, "lab/taken").commit
    with (model / "README.md").open("a") as card:
        card.write("More.")
    assert "--update" in push(model, "lab/taken").error
    assert hub.repositories["lab/taken"].branches == {"main": commit}


def test_a_tag_does_not_move(hub, push, model):
    commit = push(model, "lab/tagged", "--tag", "v1").commit
    assert push(model, "lab/tagged", "--tag", "v1").commit == commit
    (model / "new.txt").write_text("New.")
    error = push(model, "lab/tagged", "--update", "--tag", "v1").error
    assert "v1" in error and commit in error
    second = push(model, "lab/tagged", "--update").commit
    assert commit in push(model, "lab/tagged", "--tag", "v1").error
    repository = hub.repositories["lab/tagged"]
    assert repository.branches == {"main": second}
    assert repository.tags == {"v1": commit}


@pytest.mark.parametrize(
    "first, then",
    [(["--public"], []), ([], ["--public"]), ([], ["--public", "--update"])],
)
def test_who_sees_a_model_does_not_change(hub, push, model, first, then):
    push(model, "lab/seen", *first)
    error = push(model, "lab/seen", *then).error
    assert "--public" in error and "/lab/seen/settings" in error
    assert hub.repositories["lab/seen"].private == (not first)


class Event:
    """Something that a fault waits for, or that happens in its place."""

    def __init__(self, condition):
        self.condition = condition

    def wait(self, seconds: float = 60) -> None:
        """Asks until it is so."""
        deadline = time.monotonic() + seconds
        while not self.condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_commit_of_others_in_between_is_not_overwritten(hub, push, model):
    push(model, "lab/busy")
    (model / "new.txt").write_text("New.")
    repository = hub.repositories["lab/busy"]
    theirs = Event(lambda: repository.commit({"README.md": b""}, "theirs"))
    line = "POST /api/models/lab/busy/preupload"
    hub.faults.append(Fault(line, status=None, hold=theirs))
    error = push(model, "lab/busy", "--update").error
    assert "412" in error and "lab/busy" in error and "repeat" in error
    assert list(repository.titles.values())[2:] == ["theirs"]


def test_a_hub_out_of_order_and_a_connection_that_breaks(hub, push, model):
    hub.faults.append(Fault("POST /api/repos", status=500))
    assert "500 for lab/ill" in push(model, "lab/ill").error
    assert hub.repositories == {}
    hub.faults.append(Fault("POST /api/models/lab/ill/commit"))
    error = push(model, "lab/ill").error
    assert hub.endpoint in error and "repeat" in error
    assert files_at(hub, "lab/ill") == {}


def large(name: str, model) -> list[str]:
    """The uploads of the two large files."""
    files = (model / "model.safetensors", model / "enhance_model.ckpt")
    return [f"PUT /lfs/{name}/{sha256(file.read_bytes())}" for file in files]


@pytest.fixture
def release():
    """Lets held requests go at the end of a test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("kill", [False, True])
def test_a_push_goes_on_where_it_stopped(
    hub, push, worker, model, release, kill
):
    """Nothing is visible before, and what arrived is not sent again."""
    first, second = large("lab/part", model)
    arrived = Event(lambda: len(hub.repositories["lab/part"].objects) == 1)
    if kill:
        hub.faults.append(Fault(second, read=1000, hold=release))
        process = worker.start_push(model, "lab/part")
        Event(lambda: len(uploads(hub)) == 2).wait()
        arrived.wait()
        process.kill()
        process.communicate()
        release.set()
    else:
        hub.faults.append(Fault(second, status=403, hold=arrived))
        assert "403" in push(model, "lab/part").error
    assert files_at(hub, "lab/part") == {}
    hub.requests.clear()
    commit = push(model, "lab/part").commit
    assert uploads(hub) == [second]
    assert files_at(hub, "lab/part") == contents(model, "lab/part")
    titles = hub.repositories["lab/part"].titles
    assert len(titles) == 2 and list(titles)[1] == commit


def test_a_lost_answer_is_no_second_commit(hub, push, worker, model, release):
    line = "POST /api/models/lab/lost/commit"
    hub.faults.append(Fault(line, status=None, hold=release))
    process = worker.start_push(model, "lab/lost", "--tag", "v1")
    Event(lambda: any(r.startswith(line) for r in hub.requests)).wait()
    process.kill()
    process.communicate()
    release.set()
    repository = hub.repositories["lab/lost"]
    Event(lambda: len(repository.commits) == 2).wait()
    assert repository.tags == {}
    commit = push(model, "lab/lost", "--tag", "v1").commit
    assert repository.branches == {"main": commit}
    assert len(repository.commits) == 2
    assert repository.tags == {"v1": commit}
