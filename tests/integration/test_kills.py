"""Whatever is killed, at any instant, and done again, leaves what it leaves
undisturbed. `benchmarks/kills.py` does so with whole commands."""

import functools
import hashlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from dispatch_sb.data import convert_folder, located_manifest
from dispatch_sb.data.manifest import write_pair_manifest
from dispatch_sb.data.own_speech import mix_folders
from dispatch_sb.data.shard_writing import write_shards
from dispatch_sb.enhance.record_teacher import record_folder
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save
from dispatch_sb.training.checkpoints import AtomicCheckpointer
from dispatch_sb.training.loggers import TrainLoggers

KILLS = 3  # of each
EPOCHS = 8


def prepare(folder, corpus, teacher):
    """Other rates, mixtures, manifests, shards."""
    clean, noisy = (corpus / f"{k}_testset_wav_16k" for k in ("clean", "noisy"))
    convert_folder(clean, folder / "8000", 8000)
    mix_folders([clean], [noisy], folder / "mixed", hours=0.004)
    manifest = folder / "pairs.json"
    write_pair_manifest(clean, noisy, manifest, corpus)
    if not (folder / "shards" / "index.json").exists():
        entries = located_manifest(manifest, corpus)
        write_shards(entries, folder / "shards")


def record(folder, corpus, teacher):
    """A teacher's answers."""
    noisy = corpus / "noisy_trainset_28spk_wav_16k"
    load = functools.partial(load_teacher, teacher)
    record_folder(load, noisy, folder / "recorded")


def train(folder, corpus, teacher):
    """Epochs of steps, each logged, validated and saved."""
    torch.manual_seed(0)
    model, counter = nn.Linear(200, 200), EpochCounter(EPOCHS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    kept = {"model": model, "counter": counter, "optimizer": optimizer}
    checkpointer = AtomicCheckpointer(folder / "save", kept)
    checkpointer.recover_if_possible()
    checkpointer.delete_checkpoints(max_keys=["pesq"])
    logger = TrainLoggers(folder)
    for epoch in counter:
        torch.manual_seed(epoch)
        loss = model(torch.randn(8, 200)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        logger.log_stats({"epoch": epoch}, {"loss": loss.item()})
        checkpointer.save_and_keep_only(
            meta={"epoch": epoch, "pesq": -abs(epoch - 5.0)},
            max_keys=["pesq"],
            importance_keys=[],
        )


def export(folder, corpus, teacher):
    """A model folder, again and again over one with notes of one's own."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "notes").write_text("because")
    for seed in range(3):
        torch.manual_seed(seed)
        save(FastEnhancer(channels=8), folder / "model", card="# A model\n")


def in_process(work):
    """Does some work in a process of its own, which it returns."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def left(folder):
    """Hashes of what was left, by names without times."""
    found = set()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if "tensorboard" in name or path.is_dir():
            continue
        if "/CKPT" in name:
            name = f"checkpoint {name.rpartition('/')[2]}"
        content = path.read_bytes()
        if path.name == "CKPT.yaml":
            lines = content.splitlines()[1:]
            content = b"".join(x for x in lines if b"unixtime" not in x)
        found.add((name, hashlib.sha256(content).hexdigest()))
    return found


@pytest.mark.parametrize("work", [prepare, record, train, export])
def test_a_killed_work_is_done_again(work, corpus, teacher, tmp_path):
    drawn = random.Random(work.__name__)
    folders = [tmp_path / name for name in ("first", "once", "killed")]
    for folder in folders:
        folder.mkdir()
    first, once, again = (
        functools.partial(work, folder, corpus, teacher) for folder in folders
    )
    first()  # here, so that the others need not import
    start = time.monotonic()
    assert os.waitpid(in_process(once), 0)[1] == 0
    seconds = time.monotonic() - start
    for _ in range(KILLS):
        process = in_process(again)
        time.sleep(drawn.random() * seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    assert os.waitpid(in_process(again), 0)[1] == 0
    assert left(folders[0]) == left(folders[1]) == left(folders[2])
    assert not list(Path(tmp_path).rglob(".*.partial"))
