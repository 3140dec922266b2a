"""Systems side by side on the same files: scores per file, means with
intervals, paired differences; computed in processes, failures counted.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import soundfile
from tqdm import tqdm

from dispatch_sb.processes import Failure, WorkerPool, available_cpus
from dispatch_sb.scoring.bootstrap import mean_with_interval
from dispatch_sb.scoring.catalogue import ALL, check_metrics, flavours
from dispatch_sb.scoring.journal import ScoreJournal, pair_key
from dispatch_sb.scoring.pair import all_failed, is_score, row_of, score_pair

Files = Mapping[str, Mapping[str, dict]]  # scores by id and system
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
    from_all: Callable[[dict], dict] | None = None,
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
    from_all : callable
        Where several programs have a share of the items each: given the scores
        of this one's files, those of all.

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
    check_metrics(metrics)
    if from_all is None or items:
        _check(items)
    tasks = [
        (item["id"], system, str(item["clean"]), str(path))
        for item in items
        for system, path in item["systems"].items()
    ]
    files = {item["id"]: dict.fromkeys(item["systems"]) for item in items}
    size = min(workers or available_cpus(), max(len(tasks), 1))
    with WorkerPool(size) if pool is None else nullcontext(pool) as used:
        results = _score_tasks(tasks, metrics, used, journal)
        hidden = None if progress else True
        bar = tqdm(results, "scoring", len(tasks), unit="file", disable=hidden)
        for (name, system, *_), scores in bar:
            files[name][system] = scores
    if from_all is not None:
        files = from_all(files)
    return summarise(files, metrics, resamples, seed)


def summarise(
    files: Files,
    metrics: tuple[str, ...] = ALL,
    resamples: int = 2000,
    seed: int = 0,
    weights: Mapping[str, float] | None = None,
) -> dict:
    """Turn per-file scores into means, intervals and paired differences.

    Arguments
    ---------
    files : mapping
        {id: {system: {metric: value or {"error": reason}}}}. What a file has
        no entry for counts nowhere.
    metrics : tuple of str
        Names.
    resamples : int
        Bootstrap samples.
    seed : int
        Seed of the bootstrap.
    weights : mapping, optional
        By id, see `mean_with_interval`.

    Returns
    -------
    dict
        As `score_systems` returns it.

    Example
    -------
    >>> files = {
    ...     "a": {"noisy": {"pesq": 1.0}, "student": {"pesq": 2.0}},
    ...     "b": {"noisy": {"pesq": 3.0}, "student": {"pesq": {"error": "?"}}},
    ... }
    >>> scores = summarise(files, ("pesq",))
    >>> scores["noisy"]["pesq"]["mean"], scores["student"]["pesq"]["failed"]
    (2.0, 1)
    >>> scores["differences"]["student - noisy"]["pesq"]["mean"]
    1.0
    """

    def mean(values):
        sizes = weights and [weights[name] for name in values]
        return mean_with_interval([*values.values()], resamples, seed, sizes)

    systems = systems_of(files)
    others = [x for x in systems if x == "noisy" or x.startswith("teacher")]
    pairs = [("student", x) for x in others if "student" in systems]
    scores = {system: {} for system in systems}
    differences = {" - ".join(pair): {} for pair in pairs}
    for metric in metrics:
        known = {}
        for system in systems:
            column = column_of(files, system, metric)
            known[system] = {n: v for n, v in column.items() if is_score(v)}
            failed = len(column) - len(known[system])
            scores[system][metric] = {**mean(known[system]), "failed": failed}
        for one, other in pairs:
            gain = {
                name: value - known[other][name]
                for name, value in known[one].items()
                if name in known[other]
            }
            differences[f"{one} - {other}"][metric] = mean(gain)
    more = {"files": files, "flavours": flavours(metrics)}
    return {**scores, "differences": differences, **more}


def systems_of(files: Files) -> list[str]:
    """Name the systems that files have scores of.

    Arguments
    ---------
    files : mapping
        {id: {system: …}}.

    Returns
    -------
    list of str
        Each once, in their order.

    Example
    -------
    >>> systems_of({"a": {"noisy": {}}, "b": {"noisy": {}, "student": {}}})
    ['noisy', 'student']
    """
    return list(dict.fromkeys(s for row in files.values() for s in row))


def column_of(files: Files, system: str, metric: str) -> dict:
    """Pick one metric of one system.

    Arguments
    ---------
    files : mapping
        {id: {system: {metric: value or {"error": reason}}}}.
    system : str
        Its name.
    metric : str
        Its name.

    Returns
    -------
    dict
        {id: value or {"error": reason}}, of the files that have an entry.

    Example
    -------
    >>> column_of({"a": {"noisy": {"pesq": 2.0}}, "b": {}}, "noisy", "pesq")
    {'a': 2.0}
    """
    rows = {name: row.get(system, {}) for name, row in files.items()}
    return {name: row[metric] for name, row in rows.items() if metric in row}


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


def _check(items):
    if not items:
        raise ValueError(
            "there is nothing to score: the list of files is empty"
        )
    names = [item["id"] for item in items]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"ids that come twice: {', '.join(twice)}")
    clash = {*RESERVED} & {system for x in items for system in x["systems"]}
    if clash:
        raise ValueError(
            f"a system cannot be called {', '.join(sorted(clash))}: rename"
        )


def _score_tasks(tasks, metrics, pool, journal):
    """Yield (task, scores), those that the journal has first."""
    kept = None if journal is None else ScoreJournal(journal)
    waiting = []
    for task in tasks:
        key = None if kept is None else _key(task)
        known = {} if key is None else kept.get(key, metrics)
        missing = tuple(name for name in metrics if name not in known)
        if missing:
            waiting.append((task, key, known, missing))
        else:
            yield task, known
    calls = [(*task[2:], missing) for task, _, _, missing in waiting]
    for index, outcome in pool.run(score_files, calls):
        task, key, known, missing = waiting[index]
        if key is not None and not isinstance(outcome, Failure):
            kept.add(key, outcome)
        scores = known | row_of(outcome, missing)
        yield task, {name: scores[name] for name in metrics}


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
