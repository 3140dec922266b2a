"""What scoring costs, and how long a whole test set takes.

    python benchmarks/evaluation.py [--files 82] [--metrics pesq,stoi,...]

Made files of 2.5 s are scored as a run scores them: three systems, in
processes, then again with the scores of noisy and teacher kept. Processor time
does not depend on what else the machine does, elapsed time does; both are
extrapolated to VoiceBank-DEMAND's 824 test files.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from dispatch_sb.processes import available_cpus
from dispatch_sb.scoring import chosen_metrics, score_pair, score_systems

RATE = 16000
SYSTEMS = ("noisy", "student", "teacher")
TEST_FILES = 824  # of VoiceBank-DEMAND
TOGETHER = (
    *(("pesq",), ("stoi",), ("stoi", "estoi"), ("si_sdr",)),
    *(("segmental_snr",), ("pesq", "csig", "cbak", "covl"), ("dnsmos_sig",)),
)


def make_pair(folder: Path, name: str, seconds: float, seed: int) -> dict:
    """Write a speech-like signal, and it with more and less noise.

    Arguments
    ---------
    folder : Path
        Where to.
    name : str
        Identifier.
    seconds : float
        Duration.
    seed : int
        Of the signal.

    Returns
    -------
    dict
        An item for `score_systems`.
    """
    generator = np.random.default_rng(seed)
    moment = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * moment + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    voice *= np.clip(np.sin(4 * np.pi * moment), 0, 1)
    voice *= 0.5 / np.abs(voice).max()
    noise = generator.standard_normal(voice.size)
    levels = dict(zip(("clean", *SYSTEMS), (0.0, 0.05, 0.02, 0.01)))
    paths = {kind: folder / f"{name}_{kind}.wav" for kind in levels}
    for kind, level in levels.items():
        soundfile.write(paths[kind], voice + level * noise, RATE, "FLOAT")
    return {"id": name, "clean": paths.pop("clean"), "systems": paths}


def cost_of_each(items: list[dict], metrics: tuple[str, ...]) -> None:
    """Print the processor time of metrics that share work.

    Arguments
    ---------
    items : list of dict
        From `make_pair`.
    metrics : tuple of str
        Names; others are left out.
    """
    pairs = [
        [soundfile.read(path, dtype="float32")[0] for path in (clean, noisy)]
        for clean, noisy in ((x["clean"], x["systems"]["noisy"]) for x in items)
    ]
    print("processor time for each file:")
    for names in TOGETHER:
        if not set(names) <= set(metrics):
            continue
        score_pair(*pairs[0], RATE, names)
        start = time.process_time()
        for clean, noisy in pairs:
            score_pair(clean, noisy, RATE, names)
        cost = (time.process_time() - start) / len(pairs)
        print(f"  {', '.join(names):30}{1000 * cost:8.1f} ms")


def score_timed(items: list, journal: Path, options) -> tuple[float, float]:
    """Score as a run does.

    Arguments
    ---------
    items : list of dict
        From `make_pair`.
    journal : Path
        Where scores are kept.
    options : argparse.Namespace
        The command line.

    Returns
    -------
    float
        Elapsed seconds.
    float
        Processor seconds of the scoring processes, their start included.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    metrics = chosen_metrics(options.metrics)
    score_systems(items, options.workers, metrics, False, journal=journal)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = [after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime]
    return elapsed, sum(used)


def measure(options: argparse.Namespace) -> None:
    """Time a first and a second run, and print what 824 files would take.

    Arguments
    ---------
    options : argparse.Namespace
        The command line.
    """
    with tempfile.TemporaryDirectory() as folder:
        items = [
            make_pair(Path(folder), f"file{n:03d}", options.seconds, n)
            for n in range(options.files)
        ]
        cost_of_each(items[:8], chosen_metrics(options.metrics))
        journal = Path(folder) / "scores.jsonl"
        first = score_timed(items, journal, options)
        for number, item in enumerate(items, 1):  # another student
            path = item["systems"]["student"]
            signal, _ = soundfile.read(path)
            soundfile.write(path, signal + 1e-3 * number, RATE, "FLOAT")
        second = score_timed(items, journal, options)
    print(
        f"{options.files} files of {options.seconds:g} s, {len(SYSTEMS)} "
        f"systems, {options.workers} processes:"
    )
    factor = TEST_FILES / options.files
    for name, (elapsed, used) in (("first", first), ("second", second)):
        print(
            f"  {name + ' run':12}{elapsed:7.1f} s, processor {used:7.1f} s; "
            f"{TEST_FILES} files: {factor * elapsed:5.0f} s, at least "
            f"{factor * used / options.workers:5.0f} s on free processors"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=82)
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--workers", type=int, default=available_cpus())
    parser.add_argument(
        "--metrics",
        default="pesq,stoi,estoi,si_sdr,segmental_snr,composite",
        help="names with commas between them; default: all but DNSMOS",
    )
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
