"""Checkpoints survive what interrupts their saving."""

import errno
import os
import shutil
import time

import pytest
import torch

from dispatch_sb.runs import checkpoint_seal
from dispatch_sb.runs.run import Run
from dispatch_sb.training.checkpoints import AtomicCheckpointer
from dispatch_sb.training.portions import TrainingStopped


def truncate(path):
    """Cuts a file in the middle."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    """Changes a bit."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "truncated": truncate,
    "empty": lambda path: os.truncate(path, 0),
    "missing": os.remove,
    "flipped": flip,
}


def saved_thrice(folder):
    """A checkpointer whose weights say which of its checkpoints they are of,
    and these, the oldest first."""
    model = torch.nn.Linear(40, 40)
    checkpointer = AtomicCheckpointer(folder, {"model": model})
    kept = []
    for number in (1.0, 2.0, 3.0):
        torch.nn.init.constant_(model.weight, number)
        kept.append(checkpointer.save_checkpoint({"pesq": number}).path)
    return checkpointer, model, kept


@pytest.mark.parametrize("file", ["model.ckpt", "CKPT.yaml"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_set_aside_and_named(tmp_path, caplog, damage, file):
    checkpointer, model, kept = saved_thrice(tmp_path)
    DAMAGES[damage](kept[2] / file)
    checkpointer.recover_if_possible(max_key="pesq")
    assert model.weight.eq(2).all()
    (told,) = [x.getMessage() for x in caplog.records if x.levelname[0] == "W"]
    assert str(kept[2]) in told and file in told
    assert (tmp_path / f"damaged-{kept[2].name}").is_dir()
    assert not kept[2].exists()


def test_without_a_whole_one_nothing_is_loaded(tmp_path):
    checkpointer, model, kept = saved_thrice(tmp_path)
    for path, damage in zip(kept, DAMAGES.values()):
        damage(path / "model.ckpt")
    torch.nn.init.constant_(model.weight, 7)
    assert checkpointer.recover_if_possible() is None
    assert model.weight.eq(7).all() and not any(p.exists() for p in kept)


def test_one_of_an_earlier_version_is_loaded(tmp_path):
    checkpointer, model, kept = saved_thrice(tmp_path)
    for path in kept[:2]:
        shutil.rmtree(path)
    (kept[2] / "CKPT.yaml").write_text("end-of-epoch: true\nunixtime: 1.0\n")
    torch.nn.init.constant_(model.weight, 7)
    checkpointer.recover_if_possible()
    assert model.weight.eq(3).all()


def test_another_recipe_is_told(tmp_path):
    """One whose network, or whose parts, are others."""
    _, model, kept = saved_thrice(tmp_path)
    parts = {"model": model, "more": torch.nn.Linear(2, 2)}
    for others in ({"model": torch.nn.Linear(2, 2)}, parts):
        with pytest.raises(TrainingStopped, match="does not fit"):
            AtomicCheckpointer(tmp_path, others).recover_if_possible()


def test_a_sector_that_cannot_be_read_is_a_damage(tmp_path, monkeypatch):
    """And a file that somebody else has put there is none."""
    checkpointer, model, kept = saved_thrice(tmp_path)
    (kept[1] / ".DS_Store").touch()
    read = checkpoint_seal.sha256_of

    def sha256_of(path):
        if path == kept[2] / "model.ckpt":
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(checkpoint_seal, "sha256_of", sha256_of)
    checkpointer.recover_if_possible()
    assert model.weight.eq(2).all()


@pytest.mark.parametrize("damage", DAMAGES.values())
def test_nothing_is_exported_while_one_is_damaged(tmp_path, damage):
    """It may have been the best."""
    kept = saved_thrice(tmp_path / "save")[2]
    damage(kept[1] / "CKPT.yaml")
    with pytest.raises(ValueError, match="is damaged: CKPT.yaml"):
        _ = Run(tmp_path).student


class Fails(torch.nn.Module):
    """Cannot be saved."""

    def state_dict(self, *args, **kwargs):
        """Interrupts the saving."""
        raise KeyboardInterrupt


def test_an_interrupted_save_leaves_the_older_one(tmp_path):
    """The newest checkpoint that is seen is the last whole one."""
    model = torch.nn.Linear(2, 2)
    checkpointer = AtomicCheckpointer(tmp_path, {"model": model})
    whole = checkpointer.save_checkpoint(meta={"epoch": 1})
    checkpointer.add_recoverable("worse", Fails())
    with pytest.raises(KeyboardInterrupt):
        checkpointer.save_checkpoint(meta={"epoch": 2})
    del checkpointer.recoverables["worse"]
    with torch.no_grad():
        expected = model.weight.clone()
        model.weight.zero_()
    assert checkpointer.find_checkpoint().path == whole.path
    checkpointer.recover_if_possible()
    assert torch.equal(model.weight, expected)


def test_the_best_and_the_newest_are_kept(tmp_path):
    """Epochs without PESQ do not push the best one out."""
    model = torch.nn.Linear(2, 2)
    checkpointer = AtomicCheckpointer(tmp_path, {"model": model})
    for meta in ({"pesq": 2.0}, {"pesq": 1.5}, {}, {"epoch": 4}):
        checkpointer.save_and_keep_only(
            meta=meta, max_keys=["pesq"], importance_keys=[]
        )
    best = checkpointer.find_checkpoint(max_key="pesq")
    assert best.meta["pesq"] == 2.0
    assert checkpointer.find_checkpoint().meta["epoch"] == 4
    assert len(checkpointer.list_checkpoints()) == 2


def test_a_half_deleted_one_is_not_taken_for_damaged(
    tmp_path, monkeypatch, caplog
):
    """Killed while it deletes, a process leaves what the next deletes."""
    checkpointer, _, kept = saved_thrice(tmp_path)
    remove = shutil.rmtree

    def die(folder, **options):
        for path in folder.rglob("model.ckpt"):
            path.unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        checkpointer.delete_checkpoints()
    monkeypatch.setattr(shutil, "rmtree", remove)
    assert checkpointer.recover_if_possible().path == kept[2]
    assert not [x for x in caplog.records if x.levelname == "WARNING"]
    checkpointer.delete_checkpoints()
    assert {kept[2], tmp_path / ".saving"} == set(tmp_path.iterdir())


@pytest.mark.parametrize("jump", [-400, 4000])
def test_a_clock_that_jumps_does_not_change_their_order(
    tmp_path, monkeypatch, jump
):
    """Set back by a year, or for one checkpoint years ahead: the newest is
    the last that was written, and the last to be deleted."""
    checkpointer, model, _ = saved_thrice(tmp_path)
    real, jumps = time.time, iter([jump * 86400, 0, 0])
    for number in (4.0, 5.0):
        now = real() + next(jumps)
        monkeypatch.setattr(time, "time", lambda now=now: now)
        torch.nn.init.constant_(model.weight, number)
        checkpointer.save_and_keep_only({"epoch": number}, num_to_keep=2)
    monkeypatch.undo()
    kept = [x.meta["epoch"] for x in checkpointer.find_checkpoints()]
    assert kept == [5.0, 4.0]
    assert len(list(tmp_path.glob("CKPT*"))) == 2
    AtomicCheckpointer(tmp_path, {"model": model}).recover_if_possible()
    assert model.weight.eq(5).all()
