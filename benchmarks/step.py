"""What a teacher costs in a training step: none, one that runs, and one that
was recorded, all timed in one run, reading of the files included.

The time of the distillation loss itself, forward and backward, is measured
alone and subtracted: it is the same for both teachers. On a CPU, the process'
own time counts, so that other programs do not.

    python benchmarks/step.py
    python benchmarks/step.py --at-most 1.1   # fail if recorded costs more

Or the whole step, with distillation, against that of an earlier commit: both
in turns, with the same data and the same initial student.

    python benchmarks/step.py --against a010e9b

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import speechbrain as sb
import torch

from dispatch_sb.data import pair_dataset, write_audio, write_pair_manifest
from dispatch_sb.enhance.record_teacher import record_folder
from dispatch_sb.losses import DistillationLoss, EnhancementLoss, MagnitudeL2
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.schedules import WarmupCosine

ROOT = Path(__file__).resolve().parents[1]
TEACHER = ROOT / "recipes" / "VoiceBank" / "pretrained" / "fastenhancer-b-16k"
FILE_SECONDS = 6.0


def write_pairs(folder, count):
    """Pairs of modulated noise, as many as a batch has; the manifest."""
    rng = np.random.default_rng(0)
    samples = round(16000 * FILE_SECONDS)
    envelope = np.sin(np.pi * 1.3 * np.arange(samples) / 16000) ** 2
    for index in range(count):
        clean = 0.1 * envelope * rng.standard_normal(samples)
        noisy = clean + 0.03 * rng.standard_normal(samples)
        for kind, signal in (("clean", clean), ("noisy", noisy)):
            path = folder / kind / f"s_{index:02d}.wav"
            write_audio(path, signal, subtype="PCM_16")
    path = folder / "pairs.json"
    write_pair_manifest(folder / "clean", folder / "noisy", path, folder)
    return path


def trainer(teacher, device):
    """A Brain that trains a FastEnhancer-T with that teacher, or with none."""
    torch.manual_seed(0)
    modules = {"student": FastEnhancer.from_size("T")}
    if teacher is not None:
        modules["teacher"] = teacher
    brain = DistillationBrain(
        modules,
        functools.partial(torch.optim.AdamW, lr=1e-3),
        {
            "enhancement_loss": EnhancementLoss(),
            "distillation_loss": DistillationLoss(MagnitudeL2()),
            "distillation_weight": 0.1,
            "schedule": WarmupCosine(lr=1e-3),
            "number_of_epochs": 1,
        },
        {"device": device, "noprogressbar": True},
    )
    brain.on_fit_start()
    return brain


def clock(device):
    """Now, in seconds."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds_of_step(brain, data, options, epoch):
    """Reads a batch and makes a step with it, in seconds."""
    brain.train_data, brain.steps_per_epoch, brain.step = data, 1, 1
    brain.on_stage_start(sb.Stage.TRAIN, epoch)
    brain.epoch = 1
    brain.modules.train()
    begin = clock(options.device)
    loader = brain.make_dataloader(
        data, sb.Stage.TRAIN, batch_size=options.batch
    )
    brain.fit_batch(next(iter(loader)))
    return clock(options.device) - begin


def seconds_of_loss(options):
    """The distillation loss forward and backward, in seconds."""
    shape = options.batch, round(16000 * options.seconds)
    signals = [0.1 * torch.randn(shape, device=options.device) for _ in "stc"]
    signals[0].requires_grad_()
    loss = DistillationLoss(MagnitudeL2())
    begin = clock(options.device)
    loss(*signals).backward()
    return clock(options.device) - begin


def measure(folder, options):
    """Seconds of every kind of step in every round, one after the other
    within a round, so that all meet the same disturbances."""
    manifest = write_pairs(folder, options.batch)
    load = functools.partial(load_teacher, TEACHER)
    record_folder(load, folder / "noisy", folder / "recorded")
    teachers = {
        "no teacher": None,
        "live teacher": load(),
        "recorded teacher": RecordedTeacher(folder / "recorded"),
    }
    contestants = {}
    for name, teacher in teachers.items():
        recorded = teacher if name == "recorded teacher" else None
        data = pair_dataset(manifest, folder, options.seconds, teacher=recorded)
        contestants[name] = trainer(teacher, options.device), data
    taken = {name: [] for name in [*contestants, "distillation loss"]}
    for index in range(-2, options.rounds):
        for name, (brain, data) in contestants.items():
            seconds = seconds_of_step(brain, data, options, index + 3)
            taken[name].append(seconds)
        taken["distillation loss"].append(seconds_of_loss(options))
    return {name: seconds[2:] for name, seconds in taken.items()}


def parts_of(tree, options, nudge=0.0):
    """What `step_parts.py` says of the package in a folder."""
    command = [sys.executable, str(ROOT / "benchmarks" / "step_parts.py")]
    for name in ("batch", "seconds", "threads", "device", "steps"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--nudge", str(nudge)]
    paths = {**os.environ, "PYTHONPATH": str(tree)}
    paths["OMP_NUM_THREADS"] = str(options.threads)
    done = subprocess.run(
        command, env=paths, cwd=tree, check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(folder, options):
    """Runs an earlier commit and this folder in turns."""
    git = ["git", "-C", str(ROOT), "worktree"]
    earlier = folder / "earlier"
    add = ["add", "--quiet", "--detach", str(earlier), options.against]
    subprocess.run([*git, *add], check=True)
    runs = {"before": [], "after": []}
    try:
        # What rounding alone makes of a loss curve.
        runs["nudged"] = [parts_of(earlier, options, nudge=1e-6)]
        for _ in range(options.turns):
            runs["before"].append(parts_of(earlier, options))
            runs["after"].append(parts_of(ROOT, options))
    finally:
        subprocess.run([*git, "remove", "--force", str(earlier)], check=True)
    return runs


def print_comparison(runs, options):
    """Both steps and their parts, and how far the loss curves are apart."""
    print(
        f"FastEnhancer-T, DFKD + DISPatch + MSSP, batch {options.batch} x "
        f"{options.seconds:g} s, {options.device}, threads: {options.threads}, "
        f"torch {torch.__version__}, best of {options.turns} turns"
    )
    print(f"{'':22s}{options.against:>12s}{'now':>12s}{'ratio':>8s}")
    best = {}
    for name in runs["before"][0]["milliseconds"]:
        best[name] = before, after = [
            min(run["milliseconds"][name] for run in runs[which])
            for which in ("before", "after")
        ]
        ratio = after / before
        print(f"{name:22s}{before:9.1f} ms{after:9.1f} ms{ratio:8.2f}")
    pairs = zip(best["step without teacher"], best["step"])
    shares = [f"{100 * (1 - without / step):.0f} %" for without, step in pairs]
    print(f"{'distillation, of step':22s}{shares[0]:>12s}{shares[1]:>12s}")
    for other, name in (("after", "now"), ("nudged", "weights * (1 + 1e-6)")):
        curves = runs["before"][0]["losses"], runs[other][0]["losses"]
        apart = [abs(a - b) / abs(a) for a, b in zip(*curves)]
        print(
            f"Loss curve, {options.against} to {name}: {apart[0]:.0e} apart at "
            f"first, at most {max(apart):.0e} in {len(apart)} steps"
        )
    return best["step"][1] / best["step"][0]


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--batch", type=int, default=8, help="utterances (default 8)")
    add("--seconds", type=float, default=2.0, help="of each (default 2)")
    add("--rounds", type=int, default=15, help="timed (default 15)")
    add("--threads", type=int, default=1, help="CPU threads (default 1)")
    add("--device", default="cpu", help="cpu or cuda (default cpu)")
    add("--against", metavar="COMMIT", help="compare with this commit")
    add("--steps", type=int, default=10, help="in a turn (default 10)")
    add("--turns", type=int, default=3, help="with --against (default 3)")
    add("--at-most", type=float, help="fail above: recorded, or now")
    return parser.parse_args()


def print_teachers(taken, options):
    """What every kind of teacher costs."""
    print(
        f"Training step, FastEnhancer-T, batch {options.batch} x "
        f"{options.seconds:g} s, {options.device}, threads: {options.threads}, "
        f"torch {torch.__version__}, median of {options.rounds} rounds"
    )
    ratios = {}
    for name, seconds in taken.items():
        print(f"{name:20s}{1000 * statistics.median(seconds):8.1f} ms", end="")
        if name.endswith(" teacher") and name != "no teacher":
            rounds = zip(
                seconds, taken["distillation loss"], taken["no teacher"]
            )
            ratios[name] = statistics.median((s - x) / n for s, x, n in rounds)
            print(f"{ratios[name]:8.2f} x, less the loss", end="")
        print()
    return ratios["recorded teacher"]


def main():
    """Measures, prints."""
    options = arguments()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        if options.against:
            runs = compare(Path(folder), options)
            ratio = print_comparison(runs, options)
        else:
            ratio = print_teachers(measure(Path(folder), options), options)
    if options.at_most and ratio > options.at_most:
        raise SystemExit(f"{ratio:.2f} x is above {options.at_most} x")


if __name__ == "__main__":
    main()
