"""The report of a run: one HTML file that needs no other. Each of its sections
has a template of its name.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dispatch_sb.data.files import atomic_path
from dispatch_sb.report import charts, numbers
from dispatch_sb.report.canvas import to_svg
from dispatch_sb.report.examples import Example, read_examples, show_example
from dispatch_sb.report.numbers import shown
from dispatch_sb.report.render import render
from dispatch_sb.runs.run import Run

CARDS = ("pesq", "estoi", "si_sdr", "dnsmos_ovrl")  # metrics with a picture
LONGEST = 5.0  # s of one example
ALL_EXAMPLES = 15.0  # s of all examples together: keeps a page under 5 MB


def build_report(
    run: Run,
    distillation_loss: torch.nn.Module | None = None,
    examples: int = 3,
    title: str = "Distillation report",
    test_files: Mapping[str, Mapping] | None = None,
) -> Path:
    """Writes `report.html` into a run's folder.

    What the run has not left behind is named on the page and left out.

    Arguments
    ---------
    run : Run
        What it holds is shown: scores, training log, settings, and enhanced
        speech.
    distillation_loss : DistillationLoss or None
        Draws the knowledge gap that is left after training.
    examples : int
        How many test files to show: at equal steps of rank, from the
        largest to the smallest gain of the student over the noisy input.
    title : str
        Heads the page.
    test_files : mapping, optional
        What was scored, by id, with ``noisy_wav`` and ``clean_wav`` each; by
        default the run's test files.

    Returns
    -------
    pathlib.Path
        The page, complete or not there at all.

    Raises
    ------
    FileNotFoundError
        If the test manifest does not exist.
    ImportError
        If matplotlib is not installed; names the remedy.
    ValueError
        If `examples` is negative.
    """
    if examples < 0:
        raise ValueError(f"examples is {examples}: give 0 or more.")
    test_files = run.test_files if test_files is None else test_files
    files = read_examples(run, test_files, examples)
    details = {
        "facts": list(numbers.flatten(run.facts)),
        "settings": run.settings.text,
    }
    page = render(
        "report/page.html",
        title=title,
        headline=numbers.headline(run),
        facts=list(numbers.heading_facts(run.facts).items()),
        missing=run.missing,
        sections={
            "Scores": _scores(run),
            "Training": _training(run),
            "Examples": _examples(run, files, distillation_loss),
            "Details": details if any(details.values()) else {},
        },
    )
    path = run.folder / "report.html"
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _scores(run: Run) -> dict[str, Any]:
    """Pictures of the main metrics, the tables, failures and flavours."""
    if not run.systems:
        return {}
    systems = {name: run.scores[name] for name in run.systems}
    metrics, pictures = numbers.metrics_of(run), []
    for key in (key for key in CARDS if key in metrics):
        label, decimals = metrics[key].label, metrics[key].decimals
        means = ", ".join(
            f"{name} {shown(scores.get(key, {}).get('mean'), decimals) or '–'}"
            for name, scores in systems.items()
        )
        figure = charts.score_figure(systems, key)
        pictures.append(to_svg(figure, f"score-{key}", f"{label}: {means}"))
    flavours = run.scores.get("flavours") or {}
    return {
        "pictures": pictures,
        "metrics": metrics,
        "systems": systems,
        "differences": run.scores.get("differences"),
        "failures": numbers.failures(run),
        "flavours": list(dict.fromkeys(flavours.values())),
    }


def _training(run: Run) -> dict[str, Any]:
    """Curves over the epochs."""
    pictures = [
        to_svg(charts.curves_figure(chart), f"training-{chart.name}", chart.alt)
        for chart in charts.charts(run.epochs)
    ]
    return {"epochs": len(run.epochs), "pictures": pictures} if pictures else {}


def _examples(
    run: Run, examples: Sequence[Example], loss: torch.nn.Module | None
) -> dict[str, Any]:
    """The gain of every file, and a few files in full."""
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
    picture = ""
    if gain := numbers.gains(run):
        least, most = min(gain.values()), max(gain.values())
        alt = (
            f"PESQ gain of the student over the noisy input on {len(gain)} "
            f"files, from {least:+.2f} to {most:+.2f}"
        )
        marked = {example.name: example.rank for example in examples}
        picture = to_svg(charts.gain_figure(gain, marked), "gain", alt)
    return {
        "gain_picture": picture,
        "mapped": hasattr(loss, "host") and bool(run.scored_teachers),
        "several": len(run.scored_teachers) > 1,
        "files": files,
    }
