"""How cost grows: a training step with batch, length and bands, scoring with
files, recording with hours; one table, one picture.

    python benchmarks/growth.py                          # minutes, on a CPU
    python benchmarks/growth.py --picture growth.png
    python benchmarks/growth.py --device cuda --picture growth.png

Every row of the table is a straight line through the medians, with the largest
distance of a median from it, and what the cost was multiplied by when the
amount was doubled for the last time. Every amount is measured in a process of
its own, on one CPU thread, by the process' own time; memory is the most that
the process held. On a GPU, the steps alone are measured there, by the clock,
and memory is what torch held there.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import contextlib
import functools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
TEACHER = ROOT / "recipes" / "VoiceBank" / "pretrained" / "fastenhancer-b-16k"
RATE = 16000
FILE_SECONDS = 2.5
METRICS = ("pesq", "stoi", "si_sdr")


class Series(NamedTuple):
    """What is measured.

    Arguments
    ---------
    title : str
        What costs, and with what it grows.
    amount : str
        What its amounts are.
    amounts : tuple of float
        Rising, each twice the one before.
    """

    title: str
    amount: str
    amounts: tuple[float, ...]


SERIES = {
    "batch": Series("step, batch", "utterances of 1 s", (2, 4, 8, 16)),
    "seconds": Series("step, length", "seconds, batch of 4", (1, 2, 4, 8)),
    "bands": Series("step, bands", "bands, batch of 4 x 2 s", (1, 2, 4, 8, 16)),
    "files": Series("scoring", "files of 2.5 s", (4, 8, 16, 32)),
    "hours": Series("recording", "hours", (1 / 64, 1 / 32, 1 / 16, 1 / 8)),
}
# Utterances, seconds and bands of a step, one of which grows.
STEPS = {"batch": (2, 1.0, 2), "seconds": (4, 1.0, 2), "bands": (4, 2.0, 2)}


class Line(NamedTuple):
    """A straight line through medians.

    Arguments
    ---------
    fixed, each : float
        Where it begins, and how much it rises with every one of the amount.
    off : float
        The largest distance of a median from it, relative to that median.
    doubled : float
        By what the last doubling of the amount multiplied the cost.
    """

    fixed: float
    each: float
    off: float
    doubled: float


def fitted(amounts, costs) -> Line:
    """The line whose largest relative distances are small.

    Arguments
    ---------
    amounts, costs : sequence of float
        As many of one as of the other.

    Returns
    -------
    Line
    """
    amounts, costs = np.array(amounts, float), np.array(costs, float)
    each, fixed = np.polyfit(amounts, costs, 1, w=1 / costs)
    off = np.abs((fixed + each * amounts) / costs - 1).max()
    return Line(fixed, each, float(off), costs[-1] / costs[-2])


def trainer(bands: int, device: str):
    """A Brain that trains a FastEnhancer-T as the recipe does, its teacher's
    answers recorded; the low band is 1 / bands of the spectrum."""
    from dispatch_sb.losses import (
        DFKD,
        DistillationLoss,
        EnhancementLoss,
        TopGap,
    )
    from dispatch_sb.models import FastEnhancer
    from dispatch_sb.pretrained.teacher import CleanTeacher
    from dispatch_sb.training.brain import DistillationBrain
    from dispatch_sb.training.schedules import WarmupCosine

    torch.manual_seed(0)
    edges = np.linspace(0, RATE / 2, bands + 1)[1:-1].tolist()
    host = DFKD(patch_bins=10, band_edges_hz=edges)
    brain = DistillationBrain(
        {"student": FastEnhancer.from_size("T"), "teacher": CleanTeacher()},
        functools.partial(torch.optim.AdamW, lr=1e-3),
        {
            "enhancement_loss": EnhancementLoss(),
            "distillation_loss": DistillationLoss(host, TopGap(0.8)),
            "distillation_share": 0.8,
            "schedule": WarmupCosine(lr=1e-3),
            "number_of_epochs": 1,
        },
        {"device": device, "noprogressbar": True},
    )
    brain.on_fit_start()
    brain.epoch, brain.step, brain.steps_per_epoch = 1, 1, 1
    brain.nonfinite_count = 0
    brain.modules.train()
    return brain


def measure_step(name: str, amount: float, rounds: int, device: str) -> dict:
    """Seconds and bytes of a training step."""
    from speechbrain.dataio.batch import PaddedData

    from dispatch_sb.data.in_memory import Batch
    from dispatch_sb.training.distillation_mixin import TermAverages
    from dispatch_sb.training.memory import keep_freed_memory
    from dispatch_sb.training.throughput import EpochClock, peak_bytes

    keep_freed_memory()
    place = list(STEPS).index(name)
    batch, seconds, bands = (
        amount if number == place else usual
        for number, usual in enumerate(STEPS[name])
    )
    brain = trainer(int(bands), device)
    brain.clock, brain.averages = EpochClock(device), TermAverages()
    brain.pairs = []
    clean = 0.1 * torch.randn(int(batch), round(RATE * seconds))
    signals = {
        f"{kind}_sig": clean + level * torch.randn_like(clean)
        for kind, level in (("noisy", 0.05), ("clean", 0), ("teacher", 0.01))
    }
    lens = torch.ones(len(clean))
    taken = []
    for _ in range(rounds + 2):
        data = {k: PaddedData(s.to(device), lens) for k, s in signals.items()}
        begin = clock(device)
        brain.fit_batch(Batch(id=[], **data))
        taken.append(clock(device) - begin)
    return {
        "seconds": statistics.median(taken[2:]),
        "bytes": peak_bytes(torch.device(device)),
    }


def clock(device: str) -> float:
    """Now, in seconds: the process' own time on a CPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def measure_scoring(files: int, rounds: int) -> dict:
    """Seconds and bytes of the process that scores two systems."""
    from evaluation import make_pair

    from dispatch_sb.scoring import score_systems

    taken = []
    with tempfile.TemporaryDirectory() as folder:
        items = [
            make_pair(Path(folder), f"file{n:03d}", FILE_SECONDS, n)
            for n in range(files)
        ]
        for item in items:
            item["systems"].pop("teacher")
        for _ in range(rounds):
            before = used_by_children()
            score_systems(items, 1, METRICS, False)
            taken.append(used_by_children() - before)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": statistics.median(taken), "bytes": 1024 * peak}


def used_by_children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_recording(hours: float, rounds: int) -> dict:
    """Seconds and bytes of recording the shipped teacher's answers."""
    from evaluation import make_pair

    from dispatch_sb.enhance.record_teacher import record_folder
    from dispatch_sb.pretrained import load_teacher

    load = functools.partial(load_teacher, TEACHER)
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        noisy = Path(folder) / "noisy"
        noisy.mkdir()
        for number in range(round(hours * 3600 / FILE_SECONDS)):
            pair = make_pair(Path(folder), f"s_{number}", FILE_SECONDS, number)
            pair["systems"]["noisy"].rename(noisy / f"s_{number}.wav")
        for number in range(rounds):
            begin = time.process_time()
            record_folder(load, noisy, Path(folder) / f"recorded{number}")
            taken.append(time.process_time() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": statistics.median(taken), "bytes": 1024 * peak}


def measure(name: str, amount: float, options) -> dict:
    """Measures one amount in this process."""
    torch.set_num_threads(1)
    if name in STEPS:
        return measure_step(name, amount, options.rounds, options.device)
    rounds = max(1, options.rounds // 5)
    if name == "files":
        return measure_scoring(int(amount), rounds)
    return measure_recording(amount, rounds)


def measure_apart(name: str, amount: float, options) -> dict:
    """Measures one amount in a process of its own."""
    words = [sys.executable, __file__, "--only", name, "--amount", str(amount)]
    words += ["--rounds", str(options.rounds), "--device", options.device]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} of {amount} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(found: dict) -> str:
    """The lines of Markdown, a row for each cost."""
    rows = [
        ("cost", "grows with", "from", "to", "line", "off", "last doubling"),
        ("---",) * 7,
    ]
    for name, measured in found.items():
        series = SERIES[name]
        amounts = f"{series.amounts[0]:.3g} to {series.amounts[-1]:.3g}"
        for kind, scale, unit in (("seconds", 1, "s"), ("bytes", 2**20, "MiB")):
            costs = [m[kind] / scale for m in measured]
            line = fitted(series.amounts, costs)
            title = series.title if kind == "seconds" else "its memory"
            rows.append(
                (
                    title,
                    f"{amounts} {series.amount}",
                    f"{costs[0]:.3g} {unit}",
                    f"{costs[-1]:.3g} {unit}",
                    f"{line.fixed:.3g} {line.each:+.3g} n",
                    f"{100 * line.off:.0f} %",
                    f"x {line.doubled:.2f}",
                )
            )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(found: dict, path: str) -> None:
    """Time above, memory below; dots are medians, lines are fitted."""
    from dispatch_sb.report import canvas

    @canvas.styled
    def picture():
        figure = canvas.new_figure(2.1 * len(found), 4.2)
        panels = figure.subplots(2, len(found), sharex="col", squeeze=False)
        kinds = (("seconds", 1, "seconds"), ("bytes", 2**20, "peak MiB"))
        for row, (kind, scale, label) in zip(panels, kinds):
            row[0].set_ylabel(label)
            for axes, (name, measured) in zip(row, found.items()):
                amounts = SERIES[name].amounts
                costs = [m[kind] / scale for m in measured]
                line = fitted(amounts, costs)
                ends = np.array([0, amounts[-1]])
                axes.plot(
                    ends,
                    line.fixed + line.each * ends,
                    color=canvas.SERIES[kinds.index((kind, scale, label))],
                )
                axes.plot(amounts, costs, "o", color=canvas.INK, markersize=4)
                axes.set_ylim(0, 1.15 * max(costs))
                axes.set_xlim(0)
                axes.locator_params(nbins=4)
                axes.grid(axis="y")
        for axes, name in zip(panels[0], found):
            axes.set_title(SERIES[name].title)
        for axes, name in zip(panels[1], found):
            axes.set_xlabel(SERIES[name].amount)
        return figure

    canvas.save_png(picture(), path)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=15, help="steps timed (default 15)")
    add("--device", default="cpu", help="of the steps (default cpu)")
    add("--only", choices=SERIES, help="one of the costs")
    add("--amount", type=float, help="of that cost: prints it as JSON")
    add("--picture", help="PNG file to draw")
    return parser.parse_args()


def main():
    """Measures, prints, draws."""
    options = arguments()
    if options.amount is not None:
        with contextlib.redirect_stdout(sys.stderr):
            result = measure(options.only, options.amount, options)
        print(json.dumps(result))
        return
    names = [options.only] if options.only else list(SERIES)
    if options.device != "cpu":
        names = [name for name in names if name in STEPS]
    found = {
        name: [measure_apart(name, a, options) for a in SERIES[name].amounts]
        for name in names
    }
    print(f"torch {torch.__version__}, {options.device}, one CPU thread\n")
    print(table(found))
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
