"""The report of a run: one HTML file that needs no other.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from dispatch_sb.data.files import atomic_path
from dispatch_sb.report.canvas import styled
from dispatch_sb.report.examples import read_example
from dispatch_sb.report.fact_list import heading_facts
from dispatch_sb.report.render import render
from dispatch_sb.report.sections import (
    choose_files,
    details_part,
    examples_part,
    scores_part,
    training_part,
)
from dispatch_sb.report.tables import headline
from dispatch_sb.runs.run import Run


@styled
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
    files = [
        read_example(name, rank, test_files.get(name, {}), run.enhanced(name))
        for name, rank in choose_files(run, test_files, examples).items()
    ]
    page = render(
        "report/page.html",
        title=title,
        headline=headline(run),
        facts=list(heading_facts(run.facts).items()),
        missing=run.missing,
        sections={
            "Scores": scores_part(run),
            "Training": training_part(run),
            "Examples": examples_part(run, files, distillation_loss),
            "Details": details_part(run),
        },
    )
    path = run.folder / "report.html"
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
