"""The parts of the page: scores, training, examples, details.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.charts import curves_figure, gain_figure, score_figure
from dispatch_sb.report.examples import Example, choose
from dispatch_sb.report.facts import definitions, escape
from dispatch_sb.report.gallery import example_section, figure_card
from dispatch_sb.report.run import Run, gains, number
from dispatch_sb.report.tables import (
    difference_table,
    failures,
    metrics_of,
    score_table,
)
from dispatch_sb.report.training import charts

CARDS = ("pesq", "estoi", "si_sdr", "dnsmos_ovrl")  # metrics with a picture
LONGEST = 5.0  # s of one example
ALL_EXAMPLES = 15.0  # s of all examples together: keeps a page under 5 MB

READING = (
    "<p>Below them, maps show the Knowledge Gap Score: how much further from "
    "the clean speech the student is than its teacher, patch by patch.</p>"
    '<ul class="key"><li><span style="background:#b2182b"></span>The teacher '
    "is nearer to the clean speech: something to learn</li>"
    '<li><span style="background:#2166ac"></span>The student is nearer '
    "already</li>"
    '<li><span style="background:#f4f4f4;border:2px solid #10161d"></span>'
    "Outlined: selected by the loss</li>"
    '<li><span style="background:#9aa3ae"></span>Under a grey veil: not '
    "selected</li>"
    '<li><span style="border:1px dotted var(--soft)"></span>Empty: outside '
    "the band</li></ul>"
)


def scores_part(run: Run) -> str:
    """Pictures of the main metrics, the tables, failures and flavours.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        HTML; nothing where there is nothing to show.
    """
    if not run.systems:
        return ""
    cards = "".join(
        figure_card("", to_svg(figure, f"score-{key}", alt))
        for key, figure, alt in _score_figures(run)
    )
    flavours = run.scores.get("flavours")
    lines = dict.fromkeys(flavours.values()) if flavours else {}
    notes = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f'<div class="cards">{cards}</div>'
        f'<div class="scroll">{score_table(run)}</div>'
        f"{difference_table(run)}{failures(run)}"
        f"<details><summary>Which flavour of each metric</summary>"
        f"<ul>{notes}</ul></details>"
    )


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


def training_part(run: Run) -> str:
    """Curves over the epochs.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        HTML; nothing where there is nothing to show.
    """
    cards = "".join(
        figure_card(
            "",
            to_svg(
                curves_figure(
                    chart.curves, chart.title, chart.unit, chart.percent
                ),
                f"training-{chart.name}",
                chart.alt,
            ),
        )
        for chart in charts(run.epochs)
    )
    if not cards:
        return ""
    return (
        f"<p>{len(run.epochs)} epochs, measured on training and validation "
        "data; the test set plays no part here.</p>"
        f'<div class="charts">{cards}</div>'
    )


def choose_files(run: Run, manifest: Mapping, count: int) -> dict[str, str]:
    """The files to show, by rank of gain; by name where there is none.

    Arguments
    ---------
    run : Run
        From `read_run`.
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
) -> str:
    """The gain of every file, and a few files in full.

    Arguments
    ---------
    run : Run
        From `read_run`.
    examples : sequence of Example
        From `read_example`.
    loss : DistillationLoss or None
        Draws the knowledge gap; a loss without patches is as none.

    Returns
    -------
    str
        HTML; nothing where there is nothing to show.
    """
    if not examples:
        return ""
    seconds = min(LONGEST, ALL_EXAMPLES / len(examples))
    parts = [
        example_section(
            example,
            run.files.get(example.name, {}),
            loss,
            f"example-{place}",
            seconds * 16000 / max(example.sample_rate, 16000),
        )
        for place, example in enumerate(examples, start=1)
    ]
    mapped = hasattr(loss, "host") and "teacher" in run.systems
    marked = {example.name: example.rank for example in examples}
    return _choice(run, marked, mapped) + "".join(parts)


def _choice(run: Run, marked: Mapping[str, str], mapped: bool) -> str:
    """Says how the examples were chosen, and how to read their pictures."""
    gain = gains(run.files)
    picture = ""
    if gain:
        figure = gain_figure(gain, marked, "PESQ gain")
        alt = (
            f"PESQ gain of the student over the noisy input on {len(gain)} "
            f"files, from {min(gain.values()):+.2f} to "
            f"{max(gain.values()):+.2f}"
        )
        picture = figure_card("", to_svg(figure, "gain", alt))
    return (
        "<p>Chosen by rule, not by ear: test files at equal steps of rank, "
        "from the largest to the smallest PESQ gain of the student over the "
        f'noisy input.</p><div class="pair">{picture}<div><p>The spectrograms '
        "of a file share one colour scale, its players one volume.</p>"
        f"{READING if mapped else ''}</div></div>"
    )


def details_part(run: Run) -> str:
    """Everything else that scores.json and the settings tell.

    Arguments
    ---------
    run : Run
        From `read_run`.

    Returns
    -------
    str
        HTML; nothing where there is nothing to show.
    """
    settings = (
        f"<details><summary>Settings (hyperparams.yaml)</summary>"
        f'<pre tabindex="0">{escape(run.settings)}</pre></details>'
        if run.settings
        else ""
    )
    return definitions(run.facts, "list") + settings
