"""Pushes that cannot be: each fails at once with the remedy, and leaves
nothing on the hub.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hub_pusher import LIMITED, READ, files_at
from hub_server import Fault


@pytest.mark.parametrize(
    "token, told",
    [
        ("", ("There is no token", "hf auth login", "HF_TOKEN")),
        ("hf_wrong", ("does not accept the token", "HF_TOKEN", "/settings")),
        (READ, ("The token of lab may only read", "/settings/tokens")),
        (LIMITED, ("may not write to lab/x", "don't have the rights")),
    ],
)
def test_a_token_that_will_not_do(hub, push, model, token, told):
    error = push(model, "lab/x", token=token).error
    assert all(words in error for words in told), error
    assert "lab/x" not in hub.repositories


def test_the_stored_token_is_used(hub, push, model):
    path = push.home / "token"
    path.write_text(READ)
    try:
        assert "may only read" in push(model, "lab/x", token="").error
    finally:
        path.unlink()


def test_no_such_organisation(hub, push, model):
    error = push(model, "nobody/x").error
    assert "lab cannot write to nobody" in error
    assert "this account has lab and team" in error
    assert "nobody/x" not in hub.repositories


def test_no_network(hub, push, model, offline):
    offline()
    done = push(model, "lab/x")
    assert f"{hub.endpoint} cannot be reached" in done.error
    assert "repeat the command" in done.error
    assert done.seconds < 2


@pytest.mark.parametrize(
    "name", ["x", "a/b/c", "lab/a--b", "lab/.x", "lab/x.git", "lab/größe"]
)
def test_a_bad_name_asks_nobody(hub, push, model, name):
    assert f"{name!r} is no hub id" in push(model, name).error
    assert hub.requests == []


@pytest.mark.parametrize(
    "words, told",
    [
        (("--tag", "a b"), "'a b' cannot be a tag"),
        (("--revision", "trial"), "begins with its branch main, not trial"),
        (("--update", "--public"), "--public is for new models"),
    ],
)
def test_options_that_do_not_fit_ask_nobody(hub, push, model, words, told):
    assert told in push(model, "lab/x", *words).error
    assert hub.requests == []


def test_an_incomplete_folder_asks_nobody(hub, push, model):
    (model / "model.safetensors").unlink()
    (model / "hyperparams.yaml").write_text("")
    card = (model / "README.md").read_text()
    (model / "README.md").write_text(card.replace("license:", "licence:"))
    error = push(model, "lab/x").error
    assert "model.safetensors is missing; hyperparams.yaml is empty" in error
    assert "README.md names no licence" in error
    assert "dispatch-sb export" in error
    assert hub.requests == []


def test_a_name_that_is_taken(hub, push, model):
    commit = push(model, "lab/taken").commit
    (model / "README.md").write_text((model / "README.md").read_text() + "\n")
    error = push(model, "lab/taken").error
    assert "lab/taken exists on" in error and "add --update" in error
    assert hub.repositories["lab/taken"].branches == {"main": commit}


def test_a_name_that_is_taken_meanwhile(hub, push, model):
    hub.faults.append(Fault("POST /api/repos/create", status=409))
    assert "add --update" in push(model, "lab/raced").error


def test_nothing_to_update(hub, push, model):
    error = push(model, "lab/nothing", "--update").error
    assert "There is no lab/nothing" in error and "leave out" in error
    assert "lab/nothing" not in hub.repositories


def test_a_tag_does_not_move(hub, push, model):
    commit = push(model, "lab/tagged", "--tag", "v1").commit
    (model / "new.txt").write_text("New.")
    error = push(model, "lab/tagged", "--update", "--tag", "v1").error
    assert f"has a tag v1 already, at commit {commit}" in error
    assert hub.repositories["lab/tagged"].branches == {"main": commit}


def test_a_private_push_does_not_go_on_in_public(hub, push, model):
    push(model, "lab/open", "--public")
    error = push(model, "lab/open").error
    assert "lab/open exists and is public: add --public" in error


def test_a_commit_in_between_is_not_overwritten(hub, push, model):
    commit = push(model, "lab/busy").commit
    (model / "new.txt").write_text("New.")
    hub.faults.append(Fault("POST /api/models/lab/busy/commit", status=412))
    error = push(model, "lab/busy", "--update").error
    assert "changed by somebody else meanwhile" in error
    assert hub.repositories["lab/busy"].branches == {"main": commit}


@pytest.mark.parametrize("request_line", ["GET /api/whoami-v2", "POST /api"])
def test_a_hub_out_of_order(hub, push, model, request_line):
    hub.faults.append(Fault(request_line, status=500))
    error = push(model, "lab/ill").error
    assert "answered 500 (Out of order): repeat the command" in error
    assert "lab/ill" not in hub.repositories


def test_a_connection_that_breaks(hub, push, model):
    hub.faults.append(Fault("POST /api/models/lab/broken/commit"))
    error = push(model, "lab/broken").error
    assert "broke" in error and "goes on where it stopped" in error
    repository = hub.repositories["lab/broken"]
    assert files_at(hub, "lab/broken", repository.branches["main"]) == {}
