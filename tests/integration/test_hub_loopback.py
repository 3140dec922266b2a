"""Teachers from a hub, through the real client and a real server on 127.0.0.1:
downloaded once, at the revision that was asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from hub_worker import model_folder, same
from hyperpyyaml import load_hyperpyyaml

RESNET = """
sample_rate: 16000
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
    channel_counts: [4]
    dense_count: 1
    dense_nodes: 16
modules:
    enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        enhance_model: !ref <enhance_model>
    paths:
        enhance_model: lab/resnet/enhance_model.ckpt
"""


def test_a_pinned_teacher_is_downloaded_once(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/pinned", folder)
    first = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(first, folder)
    assert first["origin"] == {"source": "lab/pinned", "revision": commit}
    assert any(f"GET /lab/pinned/resolve/{commit}/" in r for r in hub.requests)
    hub.requests.clear()
    again = worker.load("lab/pinned", revision=commit, savedir=savedir)
    assert same(again, folder)
    assert hub.requests == []
    offline()
    assert same(
        worker.load("lab/pinned", revision=commit, savedir=savedir), folder
    )


def test_a_pinned_revision_is_never_stale(hub, worker, savedir, tmp_path):
    old_folder = model_folder(tmp_path / "old", seed=1)
    new_folder = model_folder(tmp_path / "new", seed=2)
    old = hub.publish("lab/moving", old_folder)
    branch = {"savedir": savedir, "revision": "main"}
    assert same(worker.load("lab/moving", **branch), old_folder)
    new = hub.publish("lab/moving", new_folder)
    moved = worker.load("lab/moving", **branch)
    assert same(moved, new_folder)
    assert moved["origin"]["revision"] == new
    pinned = worker.load("lab/moving", revision=old, savedir=savedir)
    assert same(pinned, old_folder)


def test_the_commit_to_pin_is_named(hub, worker, savedir, tmp_path):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/unpinned", folder)
    answer = worker.load("lab/unpinned", savedir=savedir)
    assert same(answer, folder)
    assert f"Pin it with revision: {commit}" in answer["log"]
    pinned = worker.load("lab/unpinned", revision=commit, savedir=savedir)
    assert "Pin it" not in pinned["log"]


def test_a_branch_works_offline_and_says_so(
    hub, worker, offline, savedir, tmp_path
):
    folder = model_folder(tmp_path / "model", seed=1)
    commit = hub.publish("lab/branch", folder)
    worker.load("lab/branch", savedir=savedir)
    offline()
    answer = worker.load("lab/branch", savedir=savedir)
    assert same(answer, folder)
    assert answer["origin"]["revision"] == commit
    assert "cannot be reached: using the copy" in answer["log"]


def test_a_speechbrain_teacher_comes_at_its_revision(
    hub, worker, savedir, tmp_path
):
    folder = tmp_path / "resnet"
    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(RESNET)
    torch.manual_seed(0)
    network = load_hyperpyyaml(RESNET)["enhance_model"]
    torch.save(network.state_dict(), folder / "enhance_model.ckpt")
    commit = hub.publish("lab/resnet", folder, branch="v1")
    answer = worker.load("lab/resnet", revision="v1", savedir=savedir)
    assert same(answer, folder)
    assert answer["origin"]["revision"] == commit
