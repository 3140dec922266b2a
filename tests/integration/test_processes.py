"""Several processes train, validate and score as one does; if one dies, the
others say so and end."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import fake_slurm
import pytest
import torch
from programs import RECIPE, SERVER, start, training
from sharing_processes import trained, work

from dispatch_sb.runs.run import Run

GLOBAL_BATCH = 4


def free_port():
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start_together(count, words, folder, last=()):
    """Starts the recipe in processes that know of each other, as torchrun
    does; each prints to a file of its own, the last gets more options."""
    words = [*words, "--distributed_backend", "gloo", "--device", "cpu"]
    world = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    processes = []
    for rank in range(count):
        mine = {**world, "RANK": rank, "LOCAL_RANK": rank} if count > 1 else {}
        given = {name: str(value) for name, value in mine.items()}
        files = [f"{folder}.{rank}.{kind}" for kind in ("out", "err")]
        more = last if rank == count - 1 else ()
        processes.append(start([*words, *more], RECIPE, files, given))
    return processes


def train_together(count, method, folder, *options):
    """A finished run of so many processes, the batch of all being one size."""
    words = training(
        *(method, folder, "--number_of_epochs", 2),
        *("--batch_size", GLOBAL_BATCH // count, "--valid_speakers", "[p287]"),
        *("--pesq_every", 1, "--metrics", "pesq,si_sdr", *options),
    )
    processes = start_together(count, words, folder)
    for process in processes:
        process.join(300)
    errors = folder.parent.glob(f"{folder.name}.*.err")
    assert [process.exitcode for process in processes] == [0] * count, [
        path.read_text()[-1500:] for path in errors
    ]
    return Run(folder)


def numbers(run):
    """All that a run logs of its epochs, by name."""
    return {
        f"{epoch['epoch']} {part} {name}": value
        for epoch in run.epochs
        for part in ("train", "valid")
        for name, value in epoch[part].items()
    }


def weights(run):
    """The weights of a run's newest checkpoint."""
    newest = max(run.folder.glob("save/CKPT*"))
    return torch.load(newest / "student.ckpt")


def files(run):
    """What lies in a run's folder, but for files named after the time."""
    names = {path.relative_to(run.folder) for path in run.folder.rglob("*")}
    timed = {"save", "tensorboard"}
    return {name for name in names if name.parts[0] not in timed}


@pytest.mark.parametrize("count", [2, 4])
def test_a_shared_batch_teaches_what_a_whole_one_does(count, tmp_path):
    """Normalisation, share of the gradient, similarity of utterances, running
    statistics; every process ends with the same weights."""
    processes = [
        SERVER.Process(target=work, args=(rank, count, tmp_path))
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * count
    expected = trained(0, 1)
    for rank in range(count):
        shared = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(shared, expected, rtol=1e-6, atol=1e-6)


# Rounding decides which patches are selected, and these decide the weight.
ROUGH = ("effective_weight", "train loss")


@pytest.mark.slow
def test_two_processes_train_validate_and_score_as_one(corpus, tmp_path):
    """Order and crops, all terms of the loss, gaps, PESQ, weights, scores."""
    options = ["--data_folder", corpus, "--lr", 0.0003]
    alone, both = [
        train_together(count, "dispatch", tmp_path / f"of{count}", *options)
        for count in (1, 2)
    ]
    expected = numbers(alone)
    assert numbers(both).keys() == expected.keys()
    for name, value in numbers(both).items():
        rel = 1e-2 if name.endswith(ROUGH) else 1e-4
        assert value == pytest.approx(expected[name], rel=rel), name
    moved = 0.0003 * 4  # in four steps
    torch.testing.assert_close(
        weights(both), weights(alone), rtol=0, atol=moved / 4
    )
    assert files(both) == files(alone)
    mine, others = both.scores, alone.scores
    assert list(mine["files"]) == list(others["files"])
    for metric, score in others["student"].items():
        found = mine["student"][metric]
        assert found["n"] == score["n"] == 3
        assert found["mean"] == pytest.approx(score["mean"], rel=1e-3)


@pytest.fixture
def endless(corpus, tmp_path):
    """Starts two processes that train for ever, and ends them."""
    started = []

    def go(last=()):
        words = training(
            *("baseline", tmp_path / "run", "--data_folder", corpus),
            *("--valid_speakers", "[p287]", "--number_of_epochs", 10000),
        )
        started.extend(start_together(2, words, tmp_path / "run", last))
        return started

    yield go
    for process in started:
        process.kill()


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_other(endless, tmp_path):
    first, second = endless()
    while first.is_alive() and not list(tmp_path.glob("run/save/CKPT*")):
        time.sleep(0.2)
    second.kill()
    first.join(60)
    said = (tmp_path / "run.0.err").read_text()
    assert first.exitcode == 1 and f"process {second.pid}" in said
    assert "Rank 1 of 2" in said and "no sign of life" in said


@pytest.mark.slow
def test_a_process_that_fails_ends_the_other_with_its_reason(endless, tmp_path):
    first, second = endless(last=["--lr", -1])
    first.join(60)
    second.join(10)
    said = (tmp_path / "run.0.err").read_text()
    assert (first.exitcode, second.exitcode) == (1, 1)
    assert "Rank 1 of 2" in said and "lr is -1" in said


@pytest.mark.slow
def test_scoring_may_take_longer_than_processes_wait(corpus, tmp_path):
    """A barrier would end after 5 s; scoring takes 8 s and more."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc_per_node=2"]
    words += [str(Path(__file__).with_name("slow_scoring.py"))]
    options = ["--distributed_backend", "gloo", "--device", "cpu"]
    options += ["--data_folder", corpus, "--valid_speakers", "[p287]"]
    options += ["--scores_cache", "null", "--metrics", "pesq,si_sdr"]
    done = subprocess.run(
        [*words, *training("baseline", tmp_path, *options)[1:]],
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    scores = Run(tmp_path).scores
    assert scores["student"]["pesq"]["n"] == 3
    assert set(scores["student"]) == {"pesq", "si_sdr"}
    assert done.stdout.count("Scores: ") == 1


@pytest.mark.slow
def test_slurm_trains_on_two_machines(corpus, tmp_path):
    """The script as a user submits it, against the programs of a cluster."""
    fake_slurm.install(tmp_path / "bin")
    places = [tmp_path / "bin", Path(sys.executable).parent]
    variables = {"SPOOL": tmp_path, "OMP_NUM_THREADS": 1}
    variables |= {"PATH": ":".join([*map(str, places), os.environ["PATH"]])}
    options = ["--distributed_backend", "gloo", "--device", "cpu"]
    options += ["--data_folder", corpus, "--valid_speakers", "[p287]"]
    words = training(
        "baseline", tmp_path / "run", *options, "--metrics", "stoi"
    )
    done = subprocess.run(
        ["sbatch", "--nodes=2", "slurm.sh", *words[1:]],
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **{k: str(v) for k, v in variables.items()}},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert Run(tmp_path / "run").scores["student"]["stoi"]["n"] == 3
    assert done.stdout.count("Scores: ") == 1
