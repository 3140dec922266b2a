"""Runs the scripts of this project, and `dispatch-sb`, in processes of a Python
that has imported the heavy libraries already: the standard fork server.

Authors
 * The dispatch-sb contributors, 2026
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "VoiceBank"
SERVER = multiprocessing.get_context("forkserver")
PRELOADED = ["dispatch_sb.training.brain", "dispatch_sb.training.last_stage"]
PRELOADED += ["dispatch_sb.cli", "matplotlib.figure", "onnxruntime"]
SERVER.set_forkserver_preload(PRELOADED)


def start(words, folder, files, environment=None):
    """Starts a program; `files` receive what it prints, and its errors."""
    given = (dict(os.environ), environment or {})
    arguments = ([*map(str, words)], str(folder), {**given[0], **given[1]})
    process = SERVER.Process(target=_become, args=(*arguments, files))
    process.start()
    return process


def finish(words, folder, environment=None):
    """Runs a program to its end, as `subprocess.run` would."""
    with tempfile.TemporaryDirectory() as place:
        files = [f"{place}/out", f"{place}/err"]
        process = start(words, folder, files, environment)
        process.join(300)
        printed = [Path(name).read_text(encoding="utf-8") for name in files]
    return subprocess.CompletedProcess(words, process.exitcode, *printed)


def run(*words, folder=ROOT, status=0):
    """What a program printed, once it has ended with that status."""
    done = finish(words, folder)
    assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def _become(words, folder, environment, files):
    """Takes over words, folder, environment and streams, and runs."""
    os.setsid()
    # As at a terminal, wherever the tests were started.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(files, start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    # Of the program's own processes: the platform's way, not the fork server's.
    multiprocessing.set_start_method(None, force=True)
    if words[0] == "dispatch-sb":
        from dispatch_sb.cli import main

        sys.exit(main(words[1:]))
    sys.path.insert(0, str(Path(words[0]).resolve().parent))
    runpy.run_path(words[0], run_name="__main__")


QUICK = "--batch_size 2 --segment_seconds 1.0 --workers 1 --num_workers 0"


def training(method, output, *options):
    """The command line of a training of seconds; later options count."""
    given = dict(zip(*[iter(QUICK.split())] * 2))
    given |= {"--output_folder": output, "--number_of_epochs": 1}
    given |= {"--scores_cache": output / "scores.jsonl"}
    flags = [x for x in options if str(x).startswith("--") and "=" in str(x)]
    pairs = iter(x for x in options if x not in flags)
    given |= dict(zip(pairs, pairs))
    words = [str(word) for pair in given.items() for word in pair]
    return ["train.py", f"hparams/{method}.yaml", *words, *flags]


def train(method, output, *options, status=0):
    """Trains, and returns what was printed."""
    words = training(method, output, *options)
    return run(*words, folder=RECIPE, status=status)
