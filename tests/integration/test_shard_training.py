"""Training from shards, as a user does it: a server, a teacher's answers
inside, several processes, a kill in the middle of an epoch."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from programs import RECIPE, run, start, train, training
from tiny_corpus import SPEAKERS, write_pairs

from dispatch_sb.runs.run import Run

PAIRS = 10


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, without a word."""

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory, teacher):
    """Shards of pairs with the teacher's answers, and who serves them."""
    folder = tmp_path_factory.mktemp("sharded")
    write_pairs(folder, "pairs", dict(list(SPEAKERS.items())[:1]), PAIRS)
    pool, recorded = folder / "pool", folder / "recorded"
    pool.mkdir()
    for kind in ("clean", "noisy"):
        (folder / f"{kind}_pairs_wav_16k").rename(pool / kind)
    run("dispatch-sb", "record", teacher, pool / "noisy", recorded)
    words = ("--output", folder / "shards", "--size", 1, "--teacher", recorded)
    run("dispatch-sb", "shard", pool, *words)
    handler = partial(Quiet, directory=str(folder / "shards"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def options(world, corpus, teacher):
    """What a distillation of two epochs from shards is told."""
    words = ("--data_folder", corpus, "--valid_speakers", "[p287]")
    words += ("--metrics", "[si_sdr]", "--number_of_epochs", 2)
    words += ("--teacher_source", teacher, "--train_shards", world[1])
    return (*words, "--ckpt_interval_steps=1", "--shuffle_buffer", 4)


@pytest.fixture(scope="module")
def finished(options, tmp_path_factory):
    """A run that nothing interrupts."""
    output = tmp_path_factory.mktemp("run") / "dispatch"
    train("dispatch", output, *options)
    return Run.open(output)


def test_shards_are_as_good_as_files(finished, world, tmp_path, options):
    """All samples, the teacher's answers among them: a step over all of
    them, which moves nothing, has the losses of the files."""
    folder, url = world
    pairs = ["--data_folder", "null", "--metrics", "[si_sdr]", "--lr", 1e-30]
    pairs += ["--batch_size", PAIRS, "--teacher_source", options[9]]
    pairs += ["--segment_seconds", "null"]  # as the teacher was recorded
    for part in ("valid_pairs", "test_pairs"):
        pairs += [f"--{part}", folder / "pool"]
    for name, source in (
        ("files", ("--train_pairs", folder / "pool")),
        ("shards", ("--train_shards", url)),
    ):
        train("dispatch", tmp_path / name, *pairs, *source)
    files, shards = (Run.open(tmp_path / name) for name in ("files", "shards"))
    terms = files.epochs[0]["train"]
    assert shards.epochs[0]["train"] == pytest.approx(terms, rel=1e-3)
    noted = [x.record["manifests"]["train"] for x in (files, shards)]
    assert noted[0]["sha256"] == noted[1]["sha256"]
    assert noted[1]["path"].startswith(url)
    assert finished.corpus["data"][-1]["use"] == "training"


def test_a_kill_in_the_middle_of_an_epoch_changes_nothing(
    options, finished, tmp_path
):
    """Killed after some step of the second epoch, a run ends with the log
    and the weights of one that was not."""
    output = tmp_path / "killed"
    words = training("dispatch", output, *options)
    process = start(words, RECIPE, [tmp_path / "out", tmp_path / "err"])
    deadline = time.monotonic() + 240
    while not in_second_epoch(output):
        assert time.monotonic() < deadline and process.exitcode is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    train("dispatch", output, *options)
    assert Run(output).epochs == finished.epochs
    assert Run.open(output).hashes["student"] == finished.hashes["student"]


def in_second_epoch(output):
    """Whether a checkpoint stands in the middle of the second epoch."""
    for path in output.glob("save/CKPT*/dataloader-TRAIN.ckpt"):
        counter = path.with_name("counter.ckpt")
        if counter.is_file() and counter.read_text() == "2":
            return '"batches": 5' not in path.read_text()
    return False


@pytest.mark.slow
def test_two_processes_share_the_shards(options, tmp_path):
    """Real ones: as many batches each and the same checkpoints, so that
    neither waits for ever."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc_per_node=2"]
    given = [
        *options,
        "--number_of_epochs",
        1,
        "--distributed_backend",
        "gloo",
        "--device",
        "cpu",
    ]
    done = subprocess.run(
        [*words, *training("dispatch", tmp_path, *given)],
        cwd=RECIPE,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = f"{PAIRS} samples, in an epoch 2 batches of 2 on each of 2 processes"
    assert told in done.stderr + done.stdout
    assert len(Run(tmp_path).epochs) == 1


@pytest.mark.parametrize(
    "wrong, named",
    [
        (
            ("--teacher_source", "pretrained/fastenhancer-b-16k"),
            "other weights",
        ),
    ],
)
def test_a_mistake_costs_seconds(options, tmp_path, wrong, named):
    """One clear sentence before anything is trained, and no traceback."""
    printed = train("dispatch", tmp_path, *options, *wrong, status=1)
    assert re.search(named, printed) and "Traceback" not in printed
