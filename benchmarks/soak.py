"""Hours of work: what memory, open files, threads and speed do meanwhile.

    python benchmarks/soak.py train out --minutes 120     # a training
    python benchmarks/soak.py stream out --hours_of_audio 24
    python benchmarks/soak.py stream out --engine onnx
    python benchmarks/soak.py files out --files 1000      # many short files
    python benchmarks/soak.py repeat out --rounds 50      # load, score, report
    python benchmarks/soak.py report out --picture soak.png

Every part adds its samples to a file in the folder; `report`, which every part
ends with, reads them all, says what grows, and writes `soak.json`. A training
that was interrupted goes on with the same command. Everything is made, nothing
is downloaded; it takes Linux, whose /proc is read.

A slope is that of a line through the means of twenty stretches of time, the
first quarter left out; its interval is Student's of 95 %, for as many means as
are independent by the correlation of neighbours. In simulation it holds the
true slope in 95 to 98 % of cases for noise and for saws, in 88 % where
neighbouring samples are alike by 0.99, in 72 % of random walks.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "VoiceBank"
TEACHER = RECIPE / "pretrained" / "fastenhancer-b-16k"
STUDENT = RECIPE / "study/students/main_T_dispatch_0.8_seed2.safetensors"
RATE = 16000
MINUTE = 60 * RATE
MB = 1e6
PARTS = ("train", "stream", "files", "repeat")
# What an hour of the day sounds like: the kind, and its minutes.
HOUR = (
    *(["speech"] * 30 + ["silence"] * 10 + ["faint"] * 3),
    *(["clicks"] * 3 + ["loud"] * 4 + ["speech"] * 10),
)
# Compared with offline, with speech in the minute before.
CHECKS = (0, 60, 360, 720, 1080, 1439)
ENGINES = ("torch", "onnx")


def trend(times, values, warm_up: float = 0.25, stretches: int = 20) -> tuple:
    """The change of values for each unit of time, and between what it lies,
    see above; NaN for too few of them. A share of the time does not count."""
    times, values = np.array(times, float), np.array(values, float)
    if len(times) < 8:
        return (float("nan"),) * 3
    begin = times[0] + warm_up * (times[-1] - times[0])
    times, values = times[times >= begin], values[times >= begin]
    parts = np.array_split(np.arange(len(times)), min(stretches, len(times)))
    x, y = (np.array([v[p].mean() for p in parts]) for v in (times, values))
    if np.ptp(y) == 0:
        return 0.0, 0.0, 0.0
    line = stats.linregress(x, y)
    rest = y - line.intercept - line.slope * x
    power = float((rest**2).sum())
    alike = float((rest[1:] * rest[:-1]).sum()) / power if power else 0.0
    alike = min(max(alike, 0.0), 0.9)
    independent = max(len(x) * (1 - alike) / (1 + alike), 3.0)
    error = line.stderr * np.sqrt((len(x) - 2) / (independent - 2))
    reach = float(stats.t.ppf(0.975, independent - 2) * error)
    return line.slope, line.slope - reach, line.slope + reach


def look(pid: int) -> dict:
    """Bytes, open files and threads of a process, by /proc."""
    place = Path(f"/proc/{pid}")
    lines = (place / "smaps_rollup").read_text().splitlines()[1:]
    size = {
        k: 1024 * int(v.split()[0]) for k, v in (x.split(":") for x in lines)
    }
    return {
        "rss": size["Rss"],
        "pss": size["Pss"],
        "uss": size["Private_Clean"] + size["Private_Dirty"],
        "files": len(os.listdir(place / "fd")),
        "threads": len(os.listdir(place / "task")),
    }


def below(pid: int) -> list[int]:
    """The processes that a process and its own have started."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        parents[int(name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, p in parents.items() if p == parent]
    return found[1:]


def add(folder: Path, name: str, sample: dict) -> None:
    """Adds a line to the samples of a part."""
    with open(folder / f"{name}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(sample) + "\n")


def samples(folder: Path, name: str) -> list[dict]:
    """The samples of a part; none if it has not run."""
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def speech(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Syllables of a gliding harmonic tone, ``[samples]``, float32."""
    moment = np.arange(int(seconds * RATE)) / RATE
    glide = 1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * moment)
    phase = 2 * np.pi * np.cumsum(rng.uniform(90, 250) * glide) / RATE
    voice = np.zeros_like(moment)
    for number in range(1, 25):
        voice += rng.uniform(0.2, 1) / number * np.sin(number * phase)
    voice *= np.sin(2 * np.pi * rng.uniform(1.5, 3) * moment).clip(0)
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32)


def white(length: int, level: float, rng) -> np.ndarray:
    """Noise of a level, ``[length]``, float32."""
    return np.float32(level) * rng.standard_normal(length, np.float32)


# Training.


def write_corpus(folder: Path) -> None:
    """Thirty files of speech by six speakers, and twelve of noise."""
    rng = np.random.default_rng(0)
    for kind in ("speech", "noise"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(30):
        name = f"s{number // 5}_{number % 5:03d}.wav"
        soundfile.write(folder / "speech" / name, speech(3, rng), RATE)
    for number in range(12):
        noise = white(10 * RATE, 0.05, rng)
        soundfile.write(folder / "noise" / f"n{number:03d}.wav", noise, RATE)


def training(folder: Path, **settings) -> list[str]:
    """The command of a training: short epochs of mixtures made anew by two
    workers, validation and a checkpoint after each, PESQ after every fifth."""
    settings = {
        "data_folder": "null",
        "clean_folders": f"[{folder}/speech]",
        "noise_folders": f"[{folder}/noise]",
        "own_pairs": 4,
        "output_folder": folder / "run",
        "prepared_folder": folder / "prepared",
        "mixtures_per_epoch": 160,
        "batch_size": 4,
        "segment_seconds": 1.0,
        "num_workers": 2,
        "number_of_epochs": 100000,
        "pesq_every": 5,
        "workers": 1,
        "score": False,
        **settings,
    }
    words = [f"--{key}={value}" for key, value in settings.items()]
    recipe = ["train.py", "hparams/dispatch.yaml", "--noprogressbar"]
    return [sys.executable, *recipe, *words]


def start_training(folder: Path, **settings) -> subprocess.Popen:
    """The training, its messages in ``train.log``."""
    if not (folder / "speech").is_dir():
        write_corpus(folder)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    surroundings = {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
    }
    with open(folder / "train.log", "a") as log:
        return subprocess.Popen(
            training(folder, **settings),
            cwd=RECIPE,
            env={**os.environ, **surroundings},
            stdout=log,
            stderr=log,
        )


def train(options) -> None:
    """Samples a training from outside, every few seconds."""
    before = samples(options.folder, "train")
    done = before[-1]["seconds"] if before else 0.0
    if done >= 60 * options.minutes:
        return
    process = start_training(options.folder)
    begin = time.monotonic() - done
    try:
        while (now := time.monotonic() - begin) < 60 * options.minutes:
            time.sleep(options.every)
            if process.poll() is not None:
                raise SystemExit(
                    f"The training ended: see {options.folder / 'train.log'}."
                )
            add(options.folder, "train", sampled(process.pid, now, options))
    finally:
        process.terminate()
        process.wait()


def sampled(pid: int, now: float, options) -> dict:
    """The training, its workers, and what lies in its folder."""
    workers = []
    for child in below(pid):
        try:
            workers.append(look(child))
        except (OSError, KeyError):  # it ended meanwhile
            continue
    sizes = []
    for path in (options.folder / "run").rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except OSError:  # a temporary file
            continue
    sample = {"seconds": now, "pid": pid, "main": look(pid), "workers": workers}
    return sample | {"output_files": len(sizes), "output_bytes": sum(sizes)}


# A day of sound.


@functools.cache
def voice() -> np.ndarray:
    """Two minutes of several speakers, from which a day is cut."""
    rng = np.random.default_rng(1)
    return np.concatenate([speech(5, rng) for _ in range(24)])


def minute_of_sound(number: int) -> tuple[str, np.ndarray]:
    """The kind of a minute of the day, and its samples, always the same.

    Speech in noise, whose level jumps every ten seconds by up to 60 dB;
    digital silence; samples below the smallest normal number; clicks; and
    noise beyond full scale.
    """
    kind, rng = HOUR[number % 60], np.random.default_rng([7, number])
    if kind == "silence":
        return kind, np.zeros(MINUTE, np.float32)
    if kind == "faint":
        return kind, white(MINUTE, 1e-39, rng)
    if kind == "clicks":
        clicks = np.zeros(MINUTE, np.float32)
        clicks[rng.integers(0, MINUTE, 300)] = rng.choice([-1, 1], 300)
        return kind, clicks
    if kind == "loud":
        return kind, white(MINUTE, 1.5, rng)
    sound = np.resize(np.roll(voice(), -rng.integers(2 * MINUTE)), MINUTE)
    sound = sound + white(MINUTE, 0.02, rng)
    levels = 10 ** (rng.uniform(-60, 0, 6) / 20)
    return kind, sound * np.repeat(levels, 10 * RATE).astype(np.float32)


def opened(source: Path):
    """A model: weights of the study's FastEnhancer-T, or what `load` takes."""
    from safetensors.torch import load_file

    from dispatch_sb.models import FastEnhancer
    from dispatch_sb.pretrained import load

    if source.suffix != ".safetensors":
        return load(source)
    model = FastEnhancer.from_size("T")
    model.load_state_dict(load_file(source))
    return model.eval()


def stream_of(model, engine: str):
    """A function from samples to what is ready and the largest number in the
    memory, which holds the state of a stream."""
    from dispatch_sb.enhance import StreamingEnhancer

    if engine == "onnx":
        from dispatch_sb.sharing.onnx_file import onnx_bytes
        from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

        enhancer = OnnxEnhancer(onnx_bytes(model, "soak", "not stated"))
    else:
        enhancer = StreamingEnhancer(model)
    state = enhancer.initial_state()

    def take(block):
        nonlocal state
        if engine == "onnx":
            ready, state = enhancer(block, state)
            return ready, max(float(np.abs(x).max()) for x in state.tensors)
        ready, state = enhancer(torch.from_numpy(block)[None], state)
        return ready[0].numpy(), float(state.memory.abs().max())

    return take


def difference(model, number: int, made: np.ndarray, late: int) -> dict:
    """What came out while a minute went in, beside the same samples of that
    minute and the one before, enhanced at once."""
    first = max(number - 1, 0)
    parts = [minute_of_sound(n)[1] for n in range(first, number + 1)]
    with torch.no_grad():
        whole = model(torch.from_numpy(np.concatenate(parts))[None])[0].numpy()
    end = len(whole) - late
    expected = whole[max(end - len(made), 0) : end]
    off = made[-len(expected) :].astype(np.float64) - expected
    power = float(np.square(expected, dtype=np.float64).sum())
    decibels = 10 * np.log10(max(float((off**2).sum()), 1e-30) / power)
    return {"difference_db": decibels, "largest": float(np.abs(off).max())}


def stream(options) -> None:
    """Streams a day; a sample after each minute of it."""
    model = opened(options.model)
    take = stream_of(model, options.engine)
    name = f"stream-{options.engine}"
    (options.folder / f"{name}.jsonl").unlink(missing_ok=True)
    came, went = 0, 0
    for number in range(round(60 * options.hours_of_audio)):
        kind, sound = minute_of_sound(number)
        begin, ready, size = time.process_time(), [], 0.0
        for start in range(0, MINUTE, RATE):
            made, size = take(sound[start : start + RATE])
            ready.append(made)
        hops = MINUTE / 256
        spent = 1000 * (time.process_time() - begin) / hops
        made = np.concatenate(ready)
        came, went = came + MINUTE, went + len(made)
        sample = {"minute": number, "kind": kind, "ms_per_hop": spent}
        sample |= {"memory": size, "finite": bool(np.isfinite(made).all())}
        if number in CHECKS:
            sample |= difference(model, number, made, came - went)
        add(options.folder, name, sample | look(os.getpid()))


# Many files.


def write_files(folder: Path, count: int) -> Path:
    """Short noisy files, of three formats, rates and numbers of channels."""
    rng, inputs = np.random.default_rng(2), folder / "in"
    shutil.rmtree(inputs, ignore_errors=True)
    kinds = ((16000, 1, "wav"), (16000, 1, "flac"), (44100, 2, "wav"))
    for number in range(count):
        rate, channels, suffix = kinds[number % len(kinds)]
        sound = speech(rng.uniform(0.3, 1.2), rng)
        sound = sound[:, None] + white(
            len(sound) * channels, 0.02, rng
        ).reshape(-1, channels)
        path = inputs / f"{number % 10}" / f"{number:04d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, rate)
    return inputs


def hashes(folder: Path) -> dict[str, str]:
    """Of every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ways(model, saved: Path, inputs: Path) -> dict:
    """Functions that enhance all files into a folder, by name."""
    from dispatch_sb.enhance.chunked import enhancer_of
    from dispatch_sb.enhance.jobs import enhance_jobs, plan_jobs
    from dispatch_sb.enhance.one_file import enhance_file
    from dispatch_sb.pretrained import load

    enhancer = enhancer_of(model)

    def one(job):
        enhance_file(enhancer, job.source, job.target, job.layout)

    def planned(output):
        return plan_jobs([inputs], output, overwrite=True).jobs

    def one_by_one(output):
        for job in planned(output):
            one(job)

    def folder(output, workers=1):
        start = functools.partial(load, saved)
        enhance_jobs(start, planned(output), workers)

    def threads(output, copies=1):
        with ThreadPoolExecutor(32) as pool:
            list(
                pool.map(
                    one, [j for j in planned(output) for _ in range(copies)]
                )
            )

    def processes(output):
        command = [sys.executable, "-m", "dispatch_sb.cli", "enhance"]
        command += [str(inputs), str(output), "--model", str(saved)]
        command += ["--overwrite"]
        running = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
        if any(process.wait() for process in running):
            raise SystemExit("One of the four processes failed.")

    return {
        "one by one": one_by_one,
        "folder": folder,
        "2 workers": functools.partial(folder, workers=2),
        "32 threads": threads,
        "32 threads, each file twice": functools.partial(threads, copies=2),
        "32 threads again": threads,
        "4 processes, one folder": processes,
    }


def files(options) -> None:
    """Enhances many short files in every way; a sample after each."""
    from dispatch_sb.pretrained import save

    (options.folder / "files.jsonl").unlink(missing_ok=True)
    model = opened(options.model)
    saved = save(model, options.folder / "model", "# Soak\n")
    inputs = write_files(options.folder, options.files)
    expected = None
    for name, run in ways(model, saved, inputs).items():
        output = options.folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        before, begin = look(os.getpid()), time.monotonic()
        run(output)
        gc.collect()
        found = hashes(output)
        expected = expected or found
        sample = {"way": name, "seconds": time.monotonic() - begin}
        sample["files_made"] = len(found)
        sample["equal"] = sum(expected.get(k) == v for k, v in found.items())
        sample["hidden"] = sum(Path(path).name[0] == "." for path in found)
        sample |= {"before": before, "after": look(os.getpid())}
        add(options.folder, "files", sample)
        print(json.dumps(sample), flush=True)


# Again and again in one process.


def alive() -> dict[str, int]:
    """Objects that were freed by all that nothing still holds."""
    import matplotlib.figure
    import onnxruntime

    kinds = {
        "modules": torch.nn.Module,
        "sessions": onnxruntime.InferenceSession,
        "figures": matplotlib.figure.Figure,
    }
    gc.collect()
    every = gc.get_objects()
    return {
        k: sum(issubclass(type(x), v) for x in every) for k, v in kinds.items()
    }


def things(options) -> dict:
    """What is done again and again, by name."""
    from dispatch_sb.pretrained import load, load_teacher
    from dispatch_sb.report.page import build_report
    from dispatch_sb.runs.run import Run
    from dispatch_sb.scoring.evaluation import evaluate_folders
    from dispatch_sb.sharing.onnx_file import onnx_bytes
    from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

    finished = options.run or finished_run(options.folder)
    content = onnx_bytes(opened(options.model), "soak", "not stated")
    pairs = options.folder / "pairs"
    for kind, level in (("clean", 0.0), ("noisy", 0.02)):
        (pairs / kind).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            rng = np.random.default_rng(number)
            sound = speech(2, rng)
            sound = sound + white(len(sound), level, rng)
            soundfile.write(pairs / kind / f"s_{number}.wav", sound, RATE)

    def evaluate():
        evaluate_folders(
            TEACHER,
            pairs / "clean",
            pairs / "noisy",
            options.folder / "scores",
            workers=1,
            metrics="pesq,stoi",
        )
        shutil.rmtree(options.folder / "scores")

    def report():
        run = Run.open(finished)
        build_report(run, run.distillation_loss(), 1)

    return {
        "load": lambda: load(TEACHER),
        "load_teacher": lambda: load_teacher(TEACHER),
        "onnx": lambda: OnnxEnhancer(content).enhance(voice()[:RATE]),
        "evaluate": evaluate,
        "report": report,
    }


def finished_run(folder: Path) -> Path:
    """A training of one epoch, scored."""
    place = folder / "finished"
    place.mkdir(parents=True, exist_ok=True)
    settings = {"number_of_epochs": 1, "mixtures_per_epoch": 16, "score": True}
    settings["scores_cache"] = place / "scores.jsonl"
    if start_training(place, **settings).wait():
        raise SystemExit(f"The training failed: see {place / 'train.log'}.")
    return place / "run"


def repeat(options) -> None:
    """Does each thing many times; a sample after each time."""
    (options.folder / "repeat.jsonl").unlink(missing_ok=True)
    for name, do in things(options).items():
        for number in range(options.rounds):
            do()
            sample = {"thing": name, "round": number, **alive()}
            sample |= look(os.getpid())
            sample["processes"] = len(below(os.getpid()))
            sample["python_threads"] = threading.active_count()
            add(options.folder, "repeat", sample)
        print(name, json.dumps(sample), flush=True)


# What was found.


class Panel(NamedTuple):
    """Curves that are drawn together.

    Arguments
    ---------
    title, across, up : str
        Above it, and on its axes.
    mark : str
        How matplotlib draws it.
    curves : dict
        Places and heights by name.
    """

    title: str
    across: str
    up: str
    mark: str
    curves: dict


def changing(name: str, times, values, unit: str, limit: float) -> str:
    """What something is, how it changes, and whether that is much, by the
    whole interval."""
    each, low, high = trend(times, values)
    said = "undecided" if high == high else "too short"
    if low > limit:
        said = "GROWS"
    elif high < limit:
        said = "no growth"
    return (
        f"  {name}: median {np.median(values):.4g}, {each:+.2f} {unit} "
        f"[{low:+.2f}, {high:+.2f}]: {said}"
    )


def ends(name: str, values) -> str:
    """The range in the second and in the last quarter."""
    quarters = np.array_split(values, 4) if len(values) > 3 else [values] * 4
    first, last = (f"{min(q)} to {max(q)}" for q in quarters[1::2])
    return f"  {name}: {first}, in the end {last}"


def memory_of(taken: list[dict]) -> dict:
    """Hours and MB of a training, by what is counted."""
    together = [
        sum(process["pss"] for process in (s["main"], *s["workers"])) / MB
        for s in taken
    ]
    # Unshared is all of it, wherever no worker shares it.
    most = max(len(s["workers"]) for s in taken)
    forked = [s for s in taken if len(s["workers"]) == most]
    hours, then = ([s["seconds"] / 3600 for s in x] for x in (taken, forked))
    return {
        "main, resident": (hours, [s["main"]["rss"] / MB for s in taken]),
        "all processes": (hours, together),
        "main, unshared": (then, [s["main"]["uss"] / MB for s in forked]),
    }


def found_in_training(folder: Path) -> tuple[list[str], list[Panel]]:
    """About the longest time without interruption."""
    taken = samples(folder, "train")
    if not taken:
        return [], []
    pids = [sample.get("pid") for sample in taken]
    longest = max(set(pids), key=pids.count)
    taken = [s for s in taken if s.get("pid") == longest]
    hours = [s["seconds"] / 3600 for s in taken]
    log = folder / "run" / "training.jsonl"
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    last, speeds = epochs[-1], [epoch["speed"] for epoch in epochs]
    steps = last["step"] / last["epoch"]
    step = [1000 * s["cpus"] * s["seconds"] / steps for s in speeds]
    clock = np.cumsum([s["seconds"] for s in speeds])
    clock = clock / clock[-1] * hours[-1]
    memory = memory_of(taken)
    counts = {
        "main, open files": [s["main"]["files"] for s in taken],
        "main, threads": [s["main"]["threads"] for s in taken],
        "files in the folder": [s["output_files"] for s in taken],
    }
    grown = (taken[-1]["output_bytes"] - taken[0]["output_bytes"]) / MB
    lines = [
        f"training: {60 * (hours[-1] - hours[0]):.0f} minutes, "
        f"{last['epoch']} epochs, {last['step']} steps, {len(taken)} samples",
        *(changing(k, *v, "MB/h", 10) for k, v in memory.items()),
        changing("ms of processor a step", clock, step, "ms/h", 3),
        *(ends(k, v) for k, v in counts.items()),
        f"  the folder has grown by {grown:.2f} MB",
    ]
    title = "Training: "
    step = {"mean of an epoch": (clock.tolist(), step)}
    counts = {k: (hours, v) for k, v in counts.items()}
    return lines, [
        Panel(title + "memory", "hours", "MB", "-", memory),
        Panel(title + "open", "hours", "number", "-", counts),
        Panel(title + "a step", "hours", "ms of processor", ".", step),
    ]


def hourly(taken: list[dict], kind: str) -> tuple[list, list]:
    """Hours, and the median time of a hop of a kind in each."""
    hours = {}
    for sample in (s for s in taken if s["kind"] == kind):
        hour = hours.setdefault(sample["minute"] // 60, [])
        hour.append(sample["ms_per_hop"])
    return [*hours], [float(np.median(hour)) for hour in hours.values()]


def found_in_streams(folder: Path) -> tuple[list[str], list[Panel]]:
    """About the day of sound, for each engine."""
    lines, across = [], "hours of sound"
    memory = Panel("Streams: memory", across, "MB", "-", {})
    hop = Panel(
        "Streams: a hop, hourly medians", across, "ms of processor", "o-", {}
    )
    off = Panel("Streams: from offline", across, "dB", "o-", {})
    for engine in ENGINES:
        taken = samples(folder, f"stream-{engine}")
        if not taken:
            continue
        hours = [s["minute"] / 60 for s in taken]
        rss = [s["rss"] / MB for s in taken]
        by_kind = {
            kind: [s["ms_per_hop"] for s in taken if s["kind"] == kind]
            for kind in dict.fromkeys(HOUR)
        }
        times = {k: float(np.median(v)) for k, v in by_kind.items() if v}
        checked = [s for s in taken if s["minute"] in CHECKS]
        ended = [(s["minute"] + 1) / 60 for s in checked]
        decibels = [s["difference_db"] for s in checked]
        memory.curves[engine] = (hours, rss)
        steps = np.diff(rss, prepend=rss[0])
        checks = np.array(["difference_db" in s for s in taken])
        steps[checks | np.roll(checks, 1)] = 0  # taken, and given back
        for kind in [k for k in ("speech", "silence") if k in times]:
            hop.curves[f"{engine}, {kind}"] = hourly(taken, kind)
        off.curves[engine] = (ended, decibels)
        pairs = zip(ended, decibels)
        lines += [
            f"stream, {engine}: {len(taken) / 60:.1f} hours of sound",
            # Less what the comparisons with offline have left.
            changing("resident MB", hours, rss[0] + steps.cumsum(), "MB/h", 1),
            "  ms of processor a hop: "
            + ", ".join(f"{k} {v:.3f}" for k, v in times.items()),
            ends("open files", [s["files"] for s in taken]),
            ends("threads", [s["threads"] for s in taken]),
            "  largest number in the network's memory: "
            f"{max(s['memory'] for s in taken):.2f}; all samples finite: "
            f"{all(s['finite'] for s in taken)}",
            "  difference from offline: "
            + ", ".join(f"{h:.1f} h {db:.1f} dB" for h, db in pairs),
            f"  largest of a sample: {max(s['largest'] for s in checked):.1e}",
        ]
    return lines, [memory, hop, off] if lines else []


def found_in_files(folder: Path) -> list[str]:
    """About many files, in words."""
    lines = []
    for sample in samples(folder, "files"):
        before, after = sample["before"], sample["after"]
        changes = ", ".join(
            f"{k} {before[k]} -> {after[k]}" for k in ("files", "threads")
        )
        lines.append(
            f"{sample['way']}: {sample['equal']} of {sample['files_made']} "
            f"equal, {sample['hidden']} unfinished, {changes}, memory "
            f"{before['rss'] / MB:.0f} -> {after['rss'] / MB:.0f} MB, "
            f"{sample['seconds']:.0f} s"
        )
    return lines


def found_in_repeats(folder: Path) -> list[str]:
    """About things done again and again, in words."""
    kinds = ("files", "threads", "processes", "modules", "sessions", "figures")
    lines, things = [], {}
    for sample in samples(folder, "repeat"):
        things.setdefault(sample["thing"], []).append(sample)
    for name, mine in things.items():
        rss = [s["rss"] / MB for s in mine]
        first, last = mine[min(1, len(mine) - 1)], mine[-1]
        grown = [
            f"{key} {first[key]} -> {last[key]}"
            for key in kinds
            if first[key] != last[key]
        ]
        lines += [
            f"{name}, {len(mine)} times: "
            f"{', '.join(grown) or 'nothing left behind'}",
            changing("resident MB", range(len(mine)), rss, "MB each", 0.2),
        ]
    return lines


def report(options) -> None:
    """Prints what all samples say; writes it, and draws it."""
    folder = options.folder
    lines, panels = found_in_training(folder)
    more, others = found_in_streams(folder)
    lines += more + found_in_files(folder) + found_in_repeats(folder)
    panels += others
    print("\n".join(lines))
    found = {"said": lines, "curves": {p.title: p.curves for p in panels}}
    (folder / "soak.json").write_text(json.dumps(found, indent=1))
    if options.picture and panels:
        draw(panels, options.picture)


def draw(panels: list[Panel], path: str) -> None:
    """Three panels in a row."""
    from dispatch_sb.report import canvas

    @canvas.styled
    def picture():
        rows = len(panels) // 3
        figure = canvas.new_figure(9.0, 2.5 * rows)
        for axes, panel in zip(figure.subplots(rows, 3).flat, panels):
            for colour, (name, (x, y)) in zip(
                canvas.SERIES, panel.curves.items()
            ):
                style = {"color": colour, "label": name, "lw": 1, "ms": 4}
                axes.plot(x, y, panel.mark, **style)
            axes.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
            lowest = min(min(y) for _, y in panel.curves.values())
            highest = max(max(y) for _, y in panel.curves.values())
            axes.set_ylim(min(0, 1.1 * lowest), max(0, 1.4 * highest))
            axes.grid(axis="y")
            axes.legend(loc="best", fontsize=7)
        return figure

    canvas.save_png(picture(), path)


def arguments(words=None):
    """The command line."""
    begin, examples = __doc__.split("\n\n")[:2]
    parser = argparse.ArgumentParser(
        description=begin,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("part", choices=(*PARTS, "report"), help="what to do")
    option("folder", type=Path, help="receives samples; they are kept")
    option("--minutes", type=float, default=120, help="of training (120)")
    option("--every", type=float, default=5, help="seconds of a sample (5)")
    option("--hours_of_audio", type=float, default=24, help="to stream (24)")
    option(
        "--engine",
        choices=ENGINES,
        default="torch",
        help="torch, a second at a time; or onnx, hop by hop (default torch)",
    )
    option("--files", type=int, default=1000, help="to enhance (1000)")
    option("--rounds", type=int, default=50, help="of each thing (50)")
    option("--model", type=Path, default=STUDENT, help="default: the study's")
    option("--run", type=Path, help="finished, to report on; default: made")
    option("--picture", help="PNG file to draw")
    return parser.parse_args(words)


def main() -> None:
    """Does a part, and says what all have found."""
    options = arguments()
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    try:
        if options.part != "report":
            globals()[options.part](options)
    finally:
        report(options)


if __name__ == "__main__":
    main()
