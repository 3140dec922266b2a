"""Pushes that cannot be: each fails at once and names what is wrong, and
leaves nothing on the hub.

Authors
 * The dispatch-sb contributors, 2026
"""

from functools import partial
from types import SimpleNamespace

import pytest
from hub_pusher import LIMITED, READ, WRITE, files_at
from hub_server import Fault
from hub_state import Repository


@pytest.mark.parametrize(
    "token, name, told",
    [
        ("", "lab/x", ("HF_TOKEN", "hf auth login", "/settings/tokens")),
        ("hf_wrong", "lab/x", ("401", "HF_TOKEN", "/settings/tokens")),
        (READ, "lab/x", ("403", "lab/x", "/settings/tokens")),
        (LIMITED, "lab/x", ("403", "lab/x", "don't have the rights")),
        (WRITE, "nobody/x", ("403", "nobody/x")),
    ],
)
def test_a_token_that_will_not_do(hub, push, model, token, name, told):
    error = push(model, name, token=token).error
    assert all(words in error for words in told), error
    assert hub.repositories == {}
    assert bool(hub.requests) == bool(token)


def test_a_token_that_may_read_does_not_update(hub, push, model):
    commit = push(model, "lab/mine").commit
    (model / "new.txt").write_text("New.")
    error = push(model, "lab/mine", "--update", token=READ).error
    assert "403" in error and "lab/mine" in error
    assert hub.repositories["lab/mine"].branches == {"main": commit}


def test_the_stored_token_is_used(hub, push, model):
    path = push.home / "token"
    path.write_text(READ)
    try:
        assert "403" in push(model, "lab/x", token="").error
    finally:
        path.unlink()


def test_no_network(hub, push, model, offline):
    offline()
    done = push(model, "lab/x")
    assert hub.endpoint in done.error and "repeat" in done.error
    assert done.seconds < 2


@pytest.mark.parametrize(
    "words", [("lab/a--b",), ("x",), ("lab/x", "--tag", "a b")]
)
def test_a_bad_name_asks_nobody(hub, push, model, words):
    assert repr(words[-1]) in push(model, *words).error
    assert hub.requests == []


def test_an_incomplete_folder_asks_nobody(hub, push, model):
    (model / "model.safetensors").unlink()
    (model / "hyperparams.yaml").write_text("")
    error = push(model, "lab/x").error
    assert "model.safetensors" in error and "hyperparams.yaml" in error
    assert "dispatch-sb export" in error
    assert hub.requests == []


def test_a_name_that_is_taken(hub, push, model):
    commit = push(model, "lab/taken").commit
    (model / "README.md").write_text((model / "README.md").read_text() + "\n")
    error = push(model, "lab/taken").error
    assert "lab/taken" in error and "--update" in error
    assert hub.repositories["lab/taken"].branches == {"main": commit}


def test_nothing_to_update(hub, push, model):
    error = push(model, "lab/nothing", "--update").error
    assert "lab/nothing" in error and "--update" in error
    assert hub.repositories == {}


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


def meanwhile(request, act) -> Fault:
    """Somebody else acts between a request and its answer."""
    return Fault(request, None, hold=SimpleNamespace(wait=lambda limit: act()))


def test_a_name_that_is_taken_meanwhile(hub, push, model):
    theirs = partial(hub.repositories.update, {"lab/raced": Repository()})
    hub.faults.append(meanwhile("POST /api/repos/create", theirs))
    error = push(model, "lab/raced").error
    assert "409" in error and "lab/raced" in error
    assert hub.repositories["lab/raced"].commits == {}


def test_a_commit_in_between_is_not_overwritten(hub, push, model):
    push(model, "lab/busy")
    (model / "new.txt").write_text("New.")
    repository = hub.repositories["lab/busy"]
    theirs = partial(repository.commit, {"README.md": b""}, "theirs")
    hub.faults.append(meanwhile("POST /api/models/lab/busy/preupload", theirs))
    error = push(model, "lab/busy", "--update").error
    assert "412" in error and "lab/busy" in error and "repeat" in error
    assert list(repository.titles.values())[2:] == ["theirs"]


def test_a_tag_that_is_taken_meanwhile(hub, push, model):
    first = push(model, "lab/tag").commit
    theirs = partial(hub.repositories["lab/tag"].tags.update, v1=first)
    (model / "new.txt").write_text("New.")
    hub.faults.append(meanwhile("POST /api/models/lab/tag/commit", theirs))
    error = push(model, "lab/tag", "--update", "--tag", "v1").error
    assert "409" in error and "lab/tag" in error
    assert hub.repositories["lab/tag"].tags == {"v1": first}


@pytest.mark.parametrize("line", ["GET /api/models", "POST /api/repos"])
def test_a_hub_out_of_order(hub, push, model, line):
    hub.faults.append(Fault(line, status=500))
    error = push(model, "lab/ill").error
    assert "500 for lab/ill (Out of order)" in error
    assert hub.repositories == {}


def test_a_connection_that_breaks(hub, push, model):
    hub.faults.append(Fault("POST /api/models/lab/broken/commit"))
    error = push(model, "lab/broken").error
    assert hub.endpoint in error and "repeat" in error
    head = hub.repositories["lab/broken"].branches["main"]
    assert files_at(hub, "lab/broken", head) == {}
