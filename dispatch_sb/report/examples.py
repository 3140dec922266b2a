"""The few test files that a report shows: chosen by rank, so that nobody can
pick the pretty ones; what was heard, what it looks like, and where the teacher
still knows more than the student.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dispatch_sb.data.audio import probe, read_audio
from dispatch_sb.report.gap import (
    band_maps,
    can_be_mapped,
    gap_pictures,
    knowledge_gap,
    widest_gap,
)
from dispatch_sb.report.numbers import gains, shown
from dispatch_sb.report.players import players
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring.catalogue import CATALOGUE

CLOSE_UP = 0.5  # s
METRICS = ("pesq", "estoi", "si_sdr")  # beside an example


@dataclass
class Example:
    """A test file with everything that can be shown of it.

    Arguments
    ---------
    name : str
        Its id in the manifest.
    rank : str
        Why it was chosen: "best", "median", "worst", ….
    signals : dict
        Whole waveforms `[samples]` of those of noisy, student, teachers and
        clean that could be read; all have the same length.
    sample_rate : int
        In Hz.
    missing : list of str
        Sentences about what could not be read or drawn.
    """

    name: str
    rank: str
    signals: dict[str, np.ndarray] = field(default_factory=dict)
    sample_rate: int = 16000
    missing: list[str] = field(default_factory=list)


def choose(gain: Mapping[str, float], count: int = 3) -> dict[str, str]:
    """Chooses files at equal steps of rank, from the best to the worst.

    Arguments
    ---------
    gain : mapping
        Of each file.
    count : int
        How many files; one means the median.

    Returns
    -------
    dict
        The rank of each chosen file in words, best first.

    Example
    -------
    >>> choose({"a": 0.1, "b": 0.5, "c": 0.3, "d": 0.2, "e": 0.4})
    {'b': 'best', 'c': 'median', 'a': 'worst'}
    """
    ranked = sorted(gain, key=lambda name: (-gain[name], name))
    count, last = min(count, len(ranked)), len(ranked) - 1
    places = [step * last // max(count - 1, 1) for step in range(count)]
    if count == 1:
        places = [last // 2]
    words = {last // 2: "median", last: "worst", 0: "best"}
    return {
        ranked[place]: words.get(place, f"{place + 1} of {len(ranked)}")
        for place in places
    }


def choose_files(
    run: Run, test_files: Mapping[str, Mapping], count: int
) -> dict[str, str]:
    """The files to show, by rank of gain; by name where there is none.

    Arguments
    ---------
    run : Run
        The run.
    test_files : mapping
        What the test manifest says, by id.
    count : int
        How many files.

    Returns
    -------
    dict
        Why each file was chosen.
    """
    if gain := gains(run):
        return choose(gain, count)
    return dict.fromkeys(
        sorted(test_files)[:count], "by name, there is no PESQ"
    )


def read_examples(
    run: Run, test_files: Mapping[str, Mapping], count: int
) -> list[Example]:
    """Chooses test files, and reads all versions of each.

    Arguments
    ---------
    run : Run
        Holds the enhanced versions.
    test_files : mapping
        ``noisy_wav`` and ``clean_wav`` by id.
    count : int
        How many files.

    Returns
    -------
    list of Example
        What cannot be read is named in `missing`.
    """
    chosen = choose_files(run, test_files, count)
    return [
        _read(Example(name, rank), test_files.get(name), run.enhanced(name))
        for name, rank in chosen.items()
    ]


def _read(example: Example, entry: Mapping | None, enhanced: dict) -> Example:
    """Fills in what can be read; noisy and clean stand in the manifest."""
    paths, rates, signals = dict(enhanced), {}, {}
    if entry:
        noisy, clean = entry["noisy_wav"], entry["clean_wav"]
        paths = {"noisy": noisy, **enhanced, "clean": clean}
    else:
        example.missing.append("noisy and clean: not in the test manifest")
    for system in paths:
        try:
            rates[system] = probe(paths[system]).sample_rate
            signal = read_audio(paths[system], rates.get("noisy"))
            if not np.isfinite(signal).all():
                raise ValueError(f"{paths[system]} holds NaN or infinity.")
            signals[system] = signal
        except (OSError, ValueError) as error:
            example.missing.append(f"{system}: {error}")
    length = min((len(signal) for signal in signals.values()), default=0)
    example.signals = {k: v[:length] for k, v in signals.items() if length}
    example.sample_rate = next(iter(rates.values()), 16000)
    return example


def show_example(
    example: Example,
    scores: Mapping[str, Mapping[str, Any]],
    loss: torch.nn.Module | None,
    key: str,
    seconds: float,
) -> dict[str, Any]:
    """Everything about one test file.

    Arguments
    ---------
    example : Example
        From `read_examples`.
    scores : mapping
        The file's scores, as in scores.json.
    loss : DistillationLoss or None
        Draws the knowledge gap; None leaves it out.
    key : str
        Unique; begins every identifier.
    seconds : float
        How much of the file to show and to play.

    Returns
    -------
    dict
        For `examples.html`.
    """
    maps, shown = [], None
    if can_be_mapped(example.signals):
        try:
            maps = _maps(example, loss, key, seconds)
        except ValueError as error:
            example.missing.append(f"No knowledge-gap map: {error}")
    if example.signals:
        rate = example.sample_rate
        end = round(seconds * rate)
        cut = {name: signal[:end] for name, signal in example.signals.items()}
        about = {name: _marks(scores.get(name, {})) for name in cut}
        shown = players(cut, rate, key, about, example.name)
        total = len(next(iter(example.signals.values()))) / rate
        if total > seconds:
            shown["notes"].append(
                f"The first {seconds:.1f} s of {total:.1f} s; the scores are "
                "those of the whole file."
            )
    return {"key": key, "example": example, "players": shown, "maps": maps}


def _maps(example, loss, key, seconds) -> list[tuple[str, str]]:
    """Titles and pictures of the knowledge gap, whole and close up; or a
    ValueError that says why there are none."""
    if not hasattr(loss, "host"):
        raise ValueError("no distillation loss with patches was given.")
    if loss.sample_rate != example.sample_rate:
        raise ValueError(
            f"the loss works at {loss.sample_rate} Hz, this file has "
            f"{example.sample_rate} Hz."
        )
    maps = band_maps(loss, knowledge_gap(loss, example.signals))
    length = len(example.signals["clean"]) / example.sample_rate
    end = min(seconds, length)
    close = widest_gap(maps, min(CLOSE_UP, end), end)
    return gap_pictures(maps, [(0.0, end), close], key, example.name)


def _marks(scores: Mapping[str, Any]) -> str:
    """A file's own scores, in few letters."""
    marks = []
    for key in METRICS:
        if value := shown(scores.get(key)):
            name, _, unit = CATALOGUE[key].label.partition(" (")
            words = f"{name} {value} {unit.rstrip(')')}".rstrip()
            marks.append(words.replace(" ", "\N{NO-BREAK SPACE}"))
    return " · ".join(marks)
