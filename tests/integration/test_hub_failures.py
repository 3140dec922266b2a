"""Teachers that a hub does not give, through the real client and a real server
on 127.0.0.1: each failure comes at once and names its remedy.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hub_worker import model_folder, same


@pytest.mark.parametrize("revision", [None, "main", "a" * 40])
def test_offline_and_never_downloaded_fails_at_once_with_the_remedy(
    hub, worker, offline, savedir, revision
):
    offline()
    answer = worker.load("lab/never", revision=revision, savedir=savedir)
    assert answer["error"] == (
        "ConnectionError: The teacher lab/never is not on this machine and "
        f"{hub.endpoint} cannot be reached: connect to the network once, or "
        "copy its files here and give their folder as the source."
    )
    assert answer["seconds"] < 1


def test_an_interrupted_download_is_not_taken_for_the_model(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    (folder / "model.safetensors").unlink()
    weights = (folder / "enhance_model.ckpt").read_bytes()
    (folder / "enhance_model.ckpt").unlink()
    commit = hub.publish("lab/part", folder)
    half = worker.load("lab/part", revision=commit, savedir=savedir)
    assert "enhance_model.ckpt is missing" in half["error"]
    (folder / "enhance_model.ckpt").write_bytes(weights)
    whole = hub.publish("lab/part", folder)
    assert same(
        worker.load("lab/part", revision=whole, savedir=savedir), folder
    )
    # The weights vanish from the cache: offline that is no wrong answer.
    for path in (tmp_path / "savedir").rglob("enhance_model.ckpt"):
        path.unlink()
    offline()
    answer = worker.load("lab/part", revision=whole, savedir=savedir)
    assert answer["error"].startswith("ConnectionError: The teacher lab/part")


@pytest.mark.parametrize(
    "revision, complaint",
    [
        ("v9", "no lab/known (revision v9)"),
        ("b" * 40, "no lab/known (revision bbbb"),
    ],
)
def test_an_unknown_revision_is_named(
    hub, worker, savedir, tmp_path, revision, complaint
):
    hub.publish("lab/known", model_folder(tmp_path / "model", seed=1))
    answer = worker.load("lab/known", revision=revision, savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert complaint in answer["error"]
    assert "check the commit, tag or branch" in answer["error"]


def test_an_unknown_model_is_named(worker, savedir):
    answer = worker.load("lab/unknwon", savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert "no lab/unknwon" in answer["error"]
    assert "check the spelling" in answer["error"]


def test_a_repository_of_something_else_lists_what_was_expected(
    hub, worker, savedir, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.onnx").write_bytes(b"0")
    hub.publish("lab/other", tmp_path / "other")
    answer = worker.load("lab/other", savedir=savedir)
    assert answer["error"].startswith("FileNotFoundError")
    assert "a pretrained folder holds hyperparams.yaml" in answer["error"]
