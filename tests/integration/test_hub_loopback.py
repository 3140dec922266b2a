"""Models from a hub, through the real client and a real server on 127.0.0.1:
downloaded once, at the revision that was asked for; each failure comes at once
and names what it is about.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hub_worker import model_folder, same
from pretrained_folders import WAVEFORM, write_folder

# The place in a YAML is not where its file is taken from.
ELSEWHERE = "    paths:\n        enhance_model: other/id/enhance_model.ckpt\n"


def resnet_folder(folder, seed):
    """A folder of SpeechBrain's, without config.json."""
    return write_folder(folder, WAVEFORM + ELSEWHERE, seed=seed)


@pytest.mark.parametrize("kind", [model_folder, resnet_folder])
def test_a_pinned_model_is_downloaded_once(
    hub, worker, offline, savedir, tmp_path, kind
):
    folder = kind(tmp_path / "model", seed=1)
    commit = hub.publish("lab/pinned", folder, branch="v1")
    tagged = worker.load("lab/pinned", revision="v1", savedir=savedir)
    assert same(tagged, folder)
    assert tagged["origin"] == {"source": "lab/pinned", "revision": commit}
    assert any(f"GET /lab/pinned/resolve/{commit}/" in r for r in hub.requests)
    hub.requests.clear()
    again = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(again, folder) and hub.requests == []
    offline()
    again = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(again, folder)


def test_a_branch_moves_and_says_where_it_is(
    hub, worker, offline, savedir, tmp_path
):
    folders = [model_folder(tmp_path / str(n), seed=n) for n in range(2)]
    commits = []
    for folder in folders:
        commits.append(hub.publish("lab/moving", folder))
        answer = worker.load("lab/moving", savedir=savedir)
        assert same(answer, folder)
        assert answer["origin"]["revision"] == commits[-1]
        assert f"revision: {commits[-1]}" in answer["log"]
    pinned = worker.load("lab/moving", revision=commits[0], savedir=savedir)
    assert same(pinned, folders[0]) and pinned["log"] == ""
    offline()
    answer = worker.load("lab/moving", revision="main", savedir=savedir)
    assert same(answer, folders[1]) and hub.endpoint in answer["log"]
    assert answer["origin"]["revision"] == commits[1]


@pytest.mark.parametrize("revision", [None, "main", "a" * 40])
def test_offline_and_never_downloaded_fails_at_once(
    hub, worker, offline, savedir, revision
):
    offline()
    answer = worker.load("lab/never", revision=revision, savedir=savedir)
    assert answer["error"].startswith("ConnectionError")
    assert "lab/never" in answer["error"] and hub.endpoint in answer["error"]
    assert answer["seconds"] < 1


def test_an_interrupted_download_is_not_taken_for_the_model(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    weights = folder / "model.safetensors"
    commit = hub.publish("lab/part", folder)
    for path in (weights, folder / "enhance_model.ckpt"):
        path.rename(tmp_path / path.name)
    half = hub.publish("lab/part", folder)
    answer = worker.load("lab/part", revision=half, savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError: Model lab/part")
    assert "enhance_model.ckpt" in answer["error"]
    (tmp_path / weights.name).rename(weights)
    whole = worker.load("lab/part", revision=commit, savedir=savedir)
    assert same(whole, folder)
    # The weights vanish from the cache: offline that is no wrong answer.
    for path in (tmp_path / "savedir").rglob(weights.name):
        path.unlink()
    offline()
    answer = worker.load("lab/part", revision=commit, savedir=savedir)
    assert answer["error"].startswith("ConnectionError")


@pytest.mark.parametrize(
    "name, revision",
    [("lab/known", "v9"), ("lab/known", "b" * 40), ("lab/unknwon", None)],
)
def test_what_the_hub_does_not_know_is_named(
    hub, worker, savedir, tmp_path, name, revision
):
    hub.publish("lab/known", model_folder(tmp_path / "model", seed=1))
    answer = worker.load(name, revision=revision, savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert f"{name} (revision {revision or 'main'})" in answer["error"]


def test_a_repository_of_something_else_says_what_was_expected(
    hub, worker, savedir, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.onnx").write_bytes(b"0")
    hub.publish("lab/other", tmp_path / "other")
    answer = worker.load("lab/other", savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert "lab/other" in answer["error"] and "config.json" in answer["error"]
