"""How much faster scoring in processes is than scoring in a loop.

    python benchmarks/evaluation.py [--files 16] [--workers N]

Both are measured in one run, on the same files and metrics, and have to give
the same scores; the ratio of the two times is what counts.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from dispatch_sb.metrics import ALL, WorkerPool, score_systems, summarise
from dispatch_sb.metrics.pool import available_cpus
from dispatch_sb.metrics.scoreboard import score_files

RATE = 16000


def make_pair(folder: Path, name: str, seconds: float, seed: int) -> dict:
    """Write a speech-like signal and a noisy version of it.

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
    noise = 0.05 * generator.standard_normal(voice.size)
    paths = {kind: folder / f"{name}_{kind}.wav" for kind in ("clean", "noisy")}
    soundfile.write(paths["clean"], voice, RATE, "FLOAT")
    soundfile.write(paths["noisy"], voice + noise, RATE, "FLOAT")
    return {
        "id": name,
        "clean": paths["clean"],
        "systems": {"noisy": paths["noisy"]},
    }


def in_a_loop(items: list[dict], metrics: tuple[str, ...]) -> dict:
    """Score in this process, one file after the other.

    Arguments
    ---------
    items : list of dict
        From `make_pair`.
    metrics : tuple of str
        Names.

    Returns
    -------
    dict
        As `score_systems` returns it.
    """
    files = {
        item["id"]: {
            "noisy": score_files(
                item["clean"], item["systems"]["noisy"], metrics
            )
        }
        for item in items
    }
    return summarise(files, metrics)


def measure(files: int, workers: int, metrics: tuple[str, ...]) -> None:
    """Time both ways after a warm-up, and print the ratio.

    Arguments
    ---------
    files : int
        Number of files of 4 s.
    workers : int
        Number of processes.
    metrics : tuple of str
        Names.
    """
    with tempfile.TemporaryDirectory() as folder, WorkerPool(workers) as pool:
        items = [
            make_pair(Path(folder), f"file{n:03d}", 4.0, n)
            for n in range(max(files, workers))
        ]
        in_a_loop(items[:1], metrics)
        score_systems(items[:workers], None, metrics, False, pool=pool)
        start = time.perf_counter()
        serial = in_a_loop(items, metrics)
        middle = time.perf_counter()
        parallel = score_systems(items, None, metrics, False, pool=pool)
        end = time.perf_counter()
    if parallel["noisy"] != serial["noisy"]:
        raise RuntimeError("the two ways give different scores")
    loop, processes = middle - start, end - middle
    print(f"{len(items)} files of 4 s, {len(metrics)} metrics")
    print(f"loop:                  {loop:6.2f} s")
    print(f"{workers:3d} processes:         {processes:6.2f} s")
    print(f"ratio:                 {loop / processes:6.2f}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--workers", type=int, default=available_cpus())
    parser.add_argument("--metrics", nargs="+", choices=ALL, default=ALL)
    options = parser.parse_args()
    measure(options.files, options.workers, tuple(options.metrics))


if __name__ == "__main__":
    main()
