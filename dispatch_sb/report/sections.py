"""What the sections of the page show: scores, training, examples, details.
Each has a template of its name.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.charts import curves_figure, gain_figure, score_figure
from dispatch_sb.report.examples import Example, choose
from dispatch_sb.report.fact_list import flatten
from dispatch_sb.report.gallery import show_example
from dispatch_sb.report.numbers import gains, number
from dispatch_sb.report.tables import (
    difference_table,
    failures,
    metrics_of,
    score_table,
)
from dispatch_sb.report.training import charts
from dispatch_sb.runs.run import Run

CARDS = ("pesq", "estoi", "si_sdr", "dnsmos_ovrl")  # metrics with a picture
LONGEST = 5.0  # s of one example
ALL_EXAMPLES = 15.0  # s of all examples together: keeps a page under 5 MB


def scores_part(run: Run) -> dict[str, Any]:
    """Pictures of the main metrics, the tables, failures and flavours.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        Empty where there is nothing to show.
    """
    if not run.systems:
        return {}
    metrics = metrics_of(run).values()
    flavours = run.scores.get("flavours") or {}
    return {
        "pictures": [
            to_svg(figure, f"score-{key}", alt)
            for key, figure, alt in _score_figures(run)
        ],
        "means": score_table(run),
        "lower": [m.label for m in metrics if not m.higher_is_better],
        "differences": difference_table(run),
        "failures": failures(run),
        "flavours": list(dict.fromkeys(flavours.values())),
    }


def _score_figures(run: Run) -> Iterator[tuple[str, Any, str]]:
    """Key, figure and description of each main metric."""
    systems = {name: run.scores[name] for name in run.systems}
    for key, metric in metrics_of(run).items():
        means = {
            name: number(scores.get(key, {}).get("mean"))
            for name, scores in systems.items()
        }
        if key not in CARDS:
            continue
        words = ", ".join(
            f"{name} {mean:.{metric.decimals}f}" for name, mean in means.items()
        )
        figure = score_figure(systems, key, metric.label, metric.decimals)
        yield key, figure, f"{metric.label}: {words}"


def training_part(run: Run) -> dict[str, Any]:
    """Curves over the epochs.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        Empty where there is nothing to show.
    """
    pictures = [
        to_svg(
            curves_figure(chart.curves, chart.title, chart.unit, chart.percent),
            f"training-{chart.name}",
            chart.alt,
        )
        for chart in charts(run.epochs)
    ]
    return {"epochs": len(run.epochs), "pictures": pictures} if pictures else {}


def choose_files(run: Run, manifest: Mapping, count: int) -> dict[str, str]:
    """The files to show, by rank of gain; by name where there is none.

    Arguments
    ---------
    run : Run
        The run.
    manifest : mapping
        The test manifest.
    count : int
        How many files.

    Returns
    -------
    dict
        Why each file was chosen.
    """
    ranked = choose(gains(run.files), count)
    if ranked or not count:
        return ranked
    names = sorted(manifest)[:count]
    return dict.fromkeys(names, "by name, there is no PESQ")


def examples_part(
    run: Run,
    examples: Sequence[Example],
    loss: torch.nn.Module | None,
) -> dict[str, Any]:
    """The gain of every file, and a few files in full.

    Arguments
    ---------
    run : Run
        The run.
    examples : sequence of Example
        From `read_example`.
    loss : DistillationLoss or None
        Draws the knowledge gap; a loss without patches is as none.

    Returns
    -------
    dict
        Empty where there is nothing to show.
    """
    if not examples:
        return {}
    seconds = min(LONGEST, ALL_EXAMPLES / len(examples))
    files = [
        show_example(
            example,
            run.files.get(example.name, {}),
            loss,
            f"example-{place}",
            seconds * 16000 / max(example.sample_rate, 16000),
        )
        for place, example in enumerate(examples, start=1)
    ]
    return {
        "gain_picture": _gain_picture(run, examples),
        "mapped": hasattr(loss, "host") and "teacher" in run.systems,
        "files": files,
    }


def _gain_picture(run: Run, examples: Sequence[Example]) -> str:
    """The gain of every file, the examples pointed out; empty without any."""
    gain = gains(run.files)
    if not gain:
        return ""
    marked = {example.name: example.rank for example in examples}
    alt = (
        f"PESQ gain of the student over the noisy input on {len(gain)} "
        f"files, from {min(gain.values()):+.2f} to {max(gain.values()):+.2f}"
    )
    return to_svg(gain_figure(gain, marked, "PESQ gain"), "gain", alt)


def details_part(run: Run) -> dict[str, Any]:
    """Everything else that scores.json and the settings tell.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        Empty where there is nothing to show.
    """
    facts, settings = list(flatten(run.facts)), run.settings.text
    details = {"facts": facts, "settings": settings}
    return details if any(details.values()) else {}
