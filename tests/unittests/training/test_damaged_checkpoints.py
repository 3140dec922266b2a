"""Any byte of any file of a checkpoint, changed; any file of it, cut."""

import logging
import shutil

import pytest
import torch
from clear_errors import attempt, share
from damages import damaged_bytes
from hypothesis import given
from hypothesis import strategies as st

from dispatch_sb.runs.checkpoint_seal import damage_of
from dispatch_sb.training.checkpoints import AtomicCheckpointer


class Told(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two checkpoints of a network and its optimizer; the names of both."""
    folder = tmp_path_factory.mktemp("saved")
    made, network = checkpointer(folder)
    names = []
    for number in (1.0, 2.0):
        torch.nn.init.constant_(network.weight, number)
        names.append(made.save_checkpoint({"pesq": number}).path.name)
    return folder, names


def checkpointer(folder):
    """What saves and loads, and its network."""
    network = torch.nn.Linear(3, 3)
    optimizer = torch.optim.AdamW(network.parameters())
    parts = {"network": network, "optimizer": optimizer}
    return AtomicCheckpointer(folder, parts), network


@share(1.5)
@given(data=st.data())
def test_a_damaged_checkpoint_is_never_loaded(saved, data):
    folder, (_, newest) = saved
    place = folder.with_name("damaged")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place)
    files = sorted(path.name for path in (folder / newest).iterdir())
    names = data.draw(st.sets(st.sampled_from(files), min_size=1))
    changed = False
    for name in sorted(names):
        good = (folder / newest / name).read_bytes()
        content = data.draw(damaged_bytes(good))
        (place / newest / name).write_bytes(content)
        changed |= content != good
    loads, network = checkpointer(place)
    logger, told = logging.getLogger("dispatch_sb.training.checkpoints"), Told()
    logger.addHandler(told)
    try:
        attempt(lambda: loads.recover_if_possible(max_key="pesq"))
    finally:
        logger.removeHandler(told)
    assert network.weight.eq(1.0 if changed else 2.0).all()
    assert len(told.lines) == changed
    if changed:
        assert newest in told.lines[0] and any(
            x in told.lines[0] for x in names
        )


def test_no_byte_of_the_manifest_changes_unnoticed(saved):
    folder, (_, newest) = saved
    place = folder.with_name("bits")
    shutil.copytree(folder / newest, place)
    manifest = place / "CKPT.yaml"
    good = manifest.read_bytes()
    for number in range(len(good)):
        content = bytearray(good)
        content[number] ^= 1 << number % 8
        manifest.write_bytes(content)
        assert damage_of(place), content
