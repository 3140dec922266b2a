"""Systems side by side on the same files: scores per file, means with
intervals, paired differences; computed in processes, failures counted.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Sequence
from pathlib import Path

import soundfile
from tqdm import tqdm

from dispatch_sb.processes import Failure, WorkerPool, available_cpus
from dispatch_sb.scoring.catalogue import ALL, check_metrics
from dispatch_sb.scoring.journal import ScoreJournal, pair_key
from dispatch_sb.scoring.pair import all_failed, score_pair
from dispatch_sb.scoring.summary import summarise
from dispatch_sb.scoring.table import format_table

__all__ = [
    "format_table",
    "score_files",
    "score_systems",
    "summarise",
]

RESERVED = ("files", "flavours", "differences", "wer")


def score_systems(
    items: Sequence[dict],
    workers: int | None = None,
    metrics: tuple[str, ...] = ALL,
    progress: bool = True,
    *,
    journal: str | Path | None = None,
    pool: WorkerPool | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict:
    """Score every system on every file.

    Nothing that is wrong with a file stops it: what fails is recorded with
    its reason, counted, and in no mean. A worker that dies costs the file
    that it had.

    Arguments
    ---------
    items : sequence of dict
        {"id", "clean": path, "systems": {"noisy": path, "student": path, …}}.
    workers : int or None
        Processes; None: one for each available CPU.
    metrics : tuple of str
        Names; all by default.
    progress : bool
        Whether to show a progress bar.
    journal : str or Path
        JSON Lines file in which scores are kept as they come. Only those that
        it lacks are computed: after an interruption, for one more metric, or
        where another run has scored the same files.
    pool : WorkerPool
        To use instead of an own one; it stays open.
    resamples : int
        Bootstrap samples for the intervals.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        {system: {metric: {"mean", "ci95", "n", "failed"}}, "differences":
        {"student - noisy": {metric: {"mean", "ci95", "n"}}, …}, "files":
        {id: {system: {metric: value or {"error": reason}}}}, "flavours":
        {metric: line}}.

    Raises
    ------
    ValueError
        If there are no items, an id comes twice, a system has the name of
        another key of the result, or a metric's name is unknown.
    """
    _check(items, metrics)
    tasks = [
        (item["id"], system, str(item["clean"]), str(path))
        for item in items
        for system, path in item["systems"].items()
    ]
    files = {item["id"]: dict.fromkeys(item["systems"]) for item in items}
    size = min(workers or available_cpus(), max(len(tasks), 1))
    own = WorkerPool(size) if pool is None else None
    try:
        results = _score_tasks(tasks, metrics, pool or own, journal)
        bar = tqdm(
            results,
            "scoring",
            len(tasks),
            unit="file",
            disable=None if progress else True,
        )
        for (name, system, _, _), scores in bar:
            files[name][system] = scores
    finally:
        if own is not None:
            own.close()
    return summarise(files, metrics, resamples, seed)


def score_files(
    reference: str, estimate: str, metrics: tuple[str, ...] = ALL
) -> dict:
    """Score one file against another; runs in a worker.

    Arguments
    ---------
    reference : str
        Clean file.
    estimate : str
        File to score.
    metrics : tuple of str
        Names.

    Returns
    -------
    dict
        As `score_pair` returns it; a file that cannot be read, is not mono,
        or has another rate fails every metric.
    """
    try:
        clean, rate = _read(reference)
        other, other_rate = _read(estimate)
        if rate != other_rate:
            raise ValueError(
                f"{estimate} has {other_rate} Hz, its reference {rate} Hz"
            )
    except (OSError, RuntimeError, ValueError) as error:
        return all_failed(str(error), metrics)
    return score_pair(clean, other, rate, metrics)


def _check(items, metrics):
    check_metrics(metrics)
    if not items:
        raise ValueError(
            "there is nothing to score: the list of files is empty"
        )
    names = [item["id"] for item in items]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"ids that come twice: {', '.join(twice)}")
    systems = {system for item in items for system in item["systems"]}
    clash = sorted(systems & set(RESERVED))
    if clash:
        raise ValueError(
            f"a system cannot be called {', '.join(clash)}: rename"
        )


def _score_tasks(tasks, metrics, pool, journal):
    """Yield (task, scores), those that the journal has first."""
    kept = None if journal is None else ScoreJournal(journal)
    keys = [None if kept is None else _key(task) for task in tasks]
    known = [{} if key is None else kept.get(key, metrics) for key in keys]
    calls, waiting = [], []
    for index, (task, scores) in enumerate(zip(tasks, known)):
        missing = tuple(name for name in metrics if name not in scores)
        if missing:
            calls.append((task[2], task[3], missing))
            waiting.append(index)
        else:
            yield task, scores
    for position, outcome in pool.run(score_files, calls):
        index = waiting[position]
        if isinstance(outcome, Failure):
            outcome = all_failed(outcome.reason, calls[position][2])
        elif keys[index] is not None:
            kept.add(keys[index], outcome)
        scores = known[index] | outcome
        yield tasks[index], {name: scores[name] for name in metrics}


def _key(task):
    try:
        return pair_key(task[2], task[3])
    except (OSError, RuntimeError):
        return None  # unreadable: the worker records why


def _read(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist")
    signal, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if signal.shape[1] != 1:
        raise ValueError(f"{path} has {signal.shape[1]} channels: mix to one")
    return signal[:, 0], rate
