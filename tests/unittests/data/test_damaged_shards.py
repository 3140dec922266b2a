"""Shards and their index, damaged and invented."""

import json
import shutil

import pytest
from clear_errors import REFUSED, attempt, share
from damages import damaged_bytes, damaged_json
from hypothesis import given
from hypothesis import strategies as st
from sounds import write_manifest, write_pair

from dispatch_sb.data import located_manifest
from dispatch_sb.data.shard_loader import ShardLoader
from dispatch_sb.data.shard_writing import write_shards
from dispatch_sb.data.shards import open_shards, read_shard
from dispatch_sb.pretrained.recording_checks import signals_to_read


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three pairs, and a shard of them."""
    root = tmp_path_factory.mktemp("shards")
    for number in range(3):
        write_pair(root, f"ann_{number}.wav", 0.1, number)
    write_manifest(root, min_seconds=0.05)
    entries = located_manifest(root / "all.json", root)
    write_shards(entries, root / "shards", 1)
    return root


@pytest.fixture(scope="module")
def whole(root):
    """All samples of the shard, as they were written."""
    (shard,) = open_shards(str(root / "shards")).shards
    return [dict(sample) for sample in read_shard(shard)]


@share(2)
@given(data=st.data())
def test_a_shard_is_read_rightly_or_named(root, whole, data):
    folder = root / "damaged"
    shutil.copytree(root / "shards", folder, dirs_exist_ok=True)
    (shard,) = open_shards(str(folder)).shards
    good = (root / "shards" / "train-000000.tar").read_bytes()
    content = data.draw(damaged_bytes(good))
    (folder / "train-000000.tar").write_bytes(content)

    def read():
        return [
            {**sample, "__url__": whole[0]["__url__"]}
            for sample in read_shard(shard)
        ]

    samples = attempt(read, "train-000000.tar")
    if samples is not REFUSED:
        assert content == good and samples == whole
    # What is unpacked before the hash is known is no traceback either.
    loader = ShardLoader(open_shards(str(folder)), 1, num_workers=0)
    attempt(lambda: list(loader), "train-000000.tar")


@share(2)
@given(data=st.data())
def test_an_index_is_read_rightly_or_named(root, data):
    folder = root / "damaged_index"
    shutil.copytree(root / "shards", folder, dirs_exist_ok=True)
    good = json.loads((root / "shards" / "index.json").read_text())
    (folder / "index.json").write_bytes(data.draw(damaged_json(good)))

    def read():
        index = open_shards(str(folder))
        index.check()
        signals = signals_to_read(index, None)
        return list(ShardLoader(index, 1, signals=signals))

    batches = attempt(read, folder)
    if batches is not REFUSED:
        ids = sorted(key for batch in batches for key in batch.id)
        assert ids == ["ann_0", "ann_1", "ann_2"]
    again = located_manifest(root / "all.json", root)
    attempt(lambda: write_shards(again, folder, 1), folder)
