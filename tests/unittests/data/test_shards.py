"""Shards: written whole or not at all, read as the files they were made of,
by any number of processes, from the middle of an epoch too; a shard that is
damaged or gone is named."""

import itertools
import json
import shutil
import tarfile

import fsspec
import pytest
import shard_server
import torch
from shard_server import PAIRS, Server, ids, load, shard
from sounds import cut, write_manifest
from speechbrain.utils.checkpoints import Checkpointer

from dispatch_sb.cli import main
from dispatch_sb.data import (
    ManifestError,
    located_manifest,
    pair_dataset,
    shard_writing,
    urls,
    write_audio,
)
from dispatch_sb.data.shards import open_shards, read_shard
from dispatch_sb.data.urls import ShardError

FIRST, SECOND = "train-000000.tar", "train-000001.tar"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Pairs, and shards of them that stay as they are."""
    root = tmp_path_factory.mktemp("pairs")
    shard_server.write_pairs(root)
    shard(root, root / "shards")
    return root


@pytest.fixture
def folder(source, tmp_path):
    """Shards that may be damaged."""
    return shutil.copytree(source / "shards", tmp_path / "shards")


@pytest.fixture
def server(folder, monkeypatch):
    """What serves them; nobody waits before the next try."""
    monkeypatch.setattr(urls, "WAIT", 0)
    with Server(folder) as running:
        yield running
        running.shutdown()


@pytest.fixture
def index(source):
    return open_shards(str(source / "shards"))


def contents(folder):
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_segments_are_those_of_the_files(source, index):
    files = pair_dataset(source / "all.json", source, 0.5, seed=3)
    files.set_epoch(2)
    expected = {item["id"]: item for item in files}
    for batch in load(index, epoch=2):
        for row, key in enumerate(batch.id):
            for kind in ("noisy_sig", "clean_sig"):
                signal = getattr(batch, kind).data[row]
                assert torch.equal(signal, expected[key][kind])
        assert torch.equal(batch.teacher_sig.data, batch.clean_sig.data)


@pytest.mark.parametrize("buffer", [0, 5, 500])
@pytest.mark.parametrize("ranks, workers", [(1, 0), (2, 2), (3, 0)])
def test_no_sample_comes_twice(index, ranks, workers, buffer):
    options = {"ranks": ranks, "num_workers": workers, "shuffle_buffer": buffer}
    loaders = [load(index, rank=rank, **options) for rank in range(ranks)]
    found = [ids(loader) for loader in loaders]
    assert {len(x) for x in found} == {len(loaders[0])} == {PAIRS // 2 // ranks}
    seen = list(itertools.chain(*itertools.chain(*found)))
    assert len(set(seen)) == len(seen) > PAIRS - 2 * ranks


def test_order_follows_seed_and_epoch(index):
    first = ids(load(index))
    assert first == ids(load(index))
    assert first != ids(load(index, epoch=2)) != ids(load(index, seed=4))
    plain = ids(load(index, shuffle=False))
    assert plain == ids(load(index, epoch=2, shuffle=False))
    written = [s for x in index.shards for s in read_shard(x)]
    keys = [json.loads(sample["json"])["id"] for sample in written]
    assert list(itertools.chain(*plain)) == keys


@pytest.mark.parametrize("workers, done", [(0, 0), (0, PAIRS // 2), (2, 7)])
def test_an_epoch_goes_on_from_its_middle(index, tmp_path, workers, done):
    options = {"num_workers": workers, "rank": 0, "ranks": 1}
    whole = load(index, **options)
    running = iter(whole)
    batches = [tuple(next(running).id) for _ in range(done)]
    saver = Checkpointer(tmp_path, {"loader": whole})
    saver.save_checkpoint(end_of_epoch=False)
    batches += [tuple(batch.id) for batch in running]
    again = load(index, **options)
    Checkpointer(tmp_path, {"loader": again}).recover_if_possible()
    assert ids(again) == batches[done:]
    assert ids(again) == batches  # the next epoch is whole
    other = load(index, num_workers=1 - bool(workers))
    with pytest.raises(ShardError, match="num_workers.*delete"):
        Checkpointer(tmp_path, {"loader": other}).recover_if_possible()
    saver.save_checkpoint()
    again = load(index, **options)
    Checkpointer(tmp_path, {"loader": again}).recover_if_possible()
    assert ids(again) == batches


def test_going_on_opens_no_shard_that_is_done(index, server):
    index = open_shards(server.url)
    loader = load(index, shuffle=False)
    loader._resume_at = PAIRS // 2 - 1
    assert len(ids(loader)) == 1
    tars = [name for _, name in server.asked if name.endswith(".tar")]
    assert tars == [index.shards[-1].url.rpartition("/")[2]]


def test_an_interrupted_work_goes_on(source, tmp_path, monkeypatch):
    output, write = tmp_path / "shards", shard_writing._write_one

    def interrupted(path, *rest):
        if path.name == missing[0]:
            raise KeyboardInterrupt
        return write(path, *rest)

    monkeypatch.setattr(shard_writing, "_write_one", interrupted)
    missing = [""]
    for missing[0] in (FIRST, SECOND):
        with pytest.raises(KeyboardInterrupt):
            shard(source, output)
        with open(output / shard_writing.JOURNAL, "a") as journal:
            journal.write('{"name": "half a li')
    assert not (output / "index.json").exists()
    monkeypatch.undo()
    (output / "index.json").mkdir()
    with pytest.raises(OSError):  # all shards are there, and no index
        shard(source, output)
    (output / "index.json").rmdir()
    assert shard(source, output)[1] == 2
    assert contents(output) == contents(source / "shards")
    cut(output / SECOND)
    assert shard(source, output)[1] == len(list(output.glob("*.tar"))) - 1
    assert contents(output) == contents(source / "shards")
    with pytest.raises(ValueError, match="other data"):
        shard(source, output, manifest_sha256="another")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_no_bit_is_lost(root, tmp_path, subtype):
    signal = torch.linspace(-1, 1, 8000).numpy() * 0.999
    for kind in ("noisy", "clean"):
        write_audio(root / kind / "ann_1.wav", signal, subtype=subtype)
    write_manifest(root)
    entries = located_manifest(root / "all.json", root)
    shard_writing.write_shards({"a": entries["ann_1"]}, tmp_path / "out")
    index = open_shards(str(tmp_path / "out"))
    (item,) = load(index, batch_size=1, segment_seconds=None).dataset
    scale = {"PCM_16": 2**-16, "PCM_24": 2**-24, "FLOAT": 0}[subtype]
    gap = (item["noisy_sig"] - torch.from_numpy(signal)).abs().max()
    assert gap <= scale and list(index.signals) == ["noisy", "clean"]


def test_a_file_that_has_changed_is_named(root, tmp_path):
    write_manifest(root)
    write_audio(root / "noisy" / "bob_1.wav", torch.zeros(9000).numpy())
    with pytest.raises(ValueError, match="bob_1.wav has changed"):
        shard_writing.write_shards(
            shard_server.entries_of(root), tmp_path / "o"
        )


def test_any_url_will_do(source, index, server):
    memory = fsspec.filesystem("memory")
    for path in (source / "shards").iterdir():
        memory.pipe(f"/shards/{path.name}", path.read_bytes())
    expected, local = ids(load(index)), source / "shards"
    pattern = f"train-{{000000..{len(index.shards) - 1:06d}}}.tar"
    for url in (
        local / "index.json",
        local / pattern,
        f"file://{local}",
        server.url,
        f"{server.url}/{pattern}",
        f"pipe:cat {local}/{pattern}",
        "memory://shards",
    ):
        index = open_shards(str(url))
        index.check()
        assert ids(load(index)) == expected
    assert len(open_shards(str(local / SECOND)).shards) == 1


@pytest.mark.parametrize(
    "command", ["GET", "HEAD"], ids=["while it is read", "before"]
)
@pytest.mark.parametrize("fault", [404, 500, 300_000, "between samples"])
def test_a_failing_server_is_asked_again(folder, server, command, fault):
    """It ends as if nothing had been, or names the shard: never in silence.
    What is not there is not asked for twice."""
    if fault == "between samples":  # where a tar file may seem to end
        with tarfile.open(folder / SECOND) as tar:
            fault = tar.getmembers()[12].offset
    index = open_shards(server.url)
    expected = ids(load(index))

    def use():
        index.check()
        return ids(load(index))

    for times, works in ((2, fault != 404), (urls.TRIES, False)):
        server.faults[:] = [(command, SECOND, fault)] * times
        if works or (command == "HEAD" and fault > 999):
            assert use() == expected
            continue
        with pytest.raises((ShardError, ManifestError)) as error:
            use()
        words = [SECOND, "dispatch-sb shard", "" if fault > 999 else str(fault)]
        assert all(word in str(error.value) for word in words)
        assert len(server.faults) == (times - 1 if fault == 404 else 0)


@pytest.mark.parametrize(
    "damage, early, workers",
    [
        ("cut", True, 0),
        ("gone", True, 0),
        ("changed", False, 0),
        ("swapped", False, 1),
    ],
)
def test_a_damaged_shard_is_named(folder, damage, early, workers):
    """Before training if its length tells, else when it has been read."""
    index = open_shards(str(folder))
    path = folder / SECOND
    content = bytearray(path.read_bytes())
    if damage == "cut":
        cut(path)
    elif damage == "gone":
        path.unlink()
    elif damage == "changed":
        content[-1] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(bytes(len(content)))
    if early:
        with pytest.raises(ManifestError, match=f"{SECOND}.*dispatch-sb shard"):
            index.check()
    else:
        index.check()
    for ranks in (1, 2):
        with pytest.raises(ShardError, match=f"{SECOND}.*dispatch-sb shard"):
            for rank in range(ranks):
                ids(load(index, num_workers=workers, rank=rank, ranks=ranks))


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda x: x.update(version=0), "version 0"),
        (lambda x: x.update(shards=[]), "no shard"),
        (lambda x: x.pop("signals"), "no index of shards.*signals"),
        (lambda x: x.update(sample_rate=8000), "8000 Hz.*16000"),
        (lambda x: x["shards"][0].update(samples=1), "not even one batch"),
        (lambda x: x["shards"].pop(1), f"not list {SECOND}"),
    ],
)
def test_an_index_that_does_not_fit(folder, change, match):
    path = folder / "index.json"
    content = json.loads(path.read_text())
    if "batch" in match:
        content["shards"] = content["shards"][:1]
    change(content)
    path.write_text(json.dumps(content))
    url = folder / (SECOND if SECOND in match else "index.json")
    with pytest.raises((ValueError, ShardError), match=match):
        load(open_shards(str(url)))


@pytest.mark.parametrize("url", ["no/such/folder", "pipe:exit 3", "odd://a/b"])
def test_shards_without_an_index_are_refused(url, monkeypatch):
    monkeypatch.setattr(urls, "WAIT", 0)
    with pytest.raises((ShardError, ValueError), match=url.split("/")[0]):
        open_shards(url)


def test_the_command_shards_manifests_and_folders(source, tmp_path, capsys):
    words = ["shard", str(source / "all.json"), "--output", str(tmp_path / "a")]
    assert main(words) == 1 and "--data-root" in capsys.readouterr().err
    words += ["--data-root", str(source), "--size", "1"]
    assert main([*words, "--teacher", str(source / "clean")]) == 0
    index = open_shards(str(tmp_path / "a"))
    assert "2 shards" in capsys.readouterr().out
    assert index.samples == PAIRS and index.signals[-1] == "teacher"
    words = ["shard", str(source), "--output", str(tmp_path / "b")]
    assert main(words) == 0
    other = open_shards(str(tmp_path / "b"))
    assert other.samples == PAIRS and "teacher" not in other.signals
    assert other.manifest_sha256 == index.manifest_sha256
    assert main([*words, "--size", "0"]) == 1
