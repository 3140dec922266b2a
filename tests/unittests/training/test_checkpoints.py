"""Checkpoints survive what interrupts their saving."""

import pytest
import torch

from dispatch_sb.training.checkpoints import AtomicCheckpointer


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
