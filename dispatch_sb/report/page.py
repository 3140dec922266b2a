"""The report of a run: one HTML file that needs no other.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path

import torch

from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.manifest import read_manifest
from dispatch_sb.report.canvas import styled
from dispatch_sb.report.examples import read_example
from dispatch_sb.report.facts import heading_facts
from dispatch_sb.report.render import render
from dispatch_sb.report.run import read_run
from dispatch_sb.report.sections import (
    choose_files,
    details_part,
    examples_part,
    scores_part,
    training_part,
)
from dispatch_sb.report.tables import headline


@styled
def build_report(
    output_folder: str | os.PathLike,
    test_manifest: str | os.PathLike,
    data_root: str | os.PathLike,
    distillation_loss: torch.nn.Module | None = None,
    examples: int = 3,
    title: str = "Distillation report",
) -> Path:
    """Writes `report.html` into a run's folder.

    What the run has not left behind is named on the page and left out.

    Arguments
    ---------
    output_folder : str or os.PathLike
        Holds scores.json, training.jsonl, hyperparams.yaml and
        enhanced/{student,teacher}/<id>.wav.
    test_manifest : str or os.PathLike
        The pair manifest that was scored.
    data_root : str or os.PathLike
        What `{data_root}` in the manifest stands for.
    distillation_loss : DistillationLoss or None
        Draws the knowledge gap that is left after training.
    examples : int
        How many test files to show: at equal steps of rank, from the
        largest to the smallest gain of the student over the noisy input.
    title : str
        Heads the page.

    Returns
    -------
    pathlib.Path
        The page, complete or not there at all.

    Raises
    ------
    FileNotFoundError
        If the folder or the manifest does not exist.
    ImportError
        If matplotlib is not installed; names the remedy.
    ValueError
        If `examples` is negative.
    """
    if examples < 0:
        raise ValueError(f"examples is {examples}: give 0 or more.")
    run = read_run(output_folder)
    manifest = read_manifest(test_manifest)
    files = [
        read_example(
            name,
            rank,
            manifest.get(name, {}),
            data_root,
            run.folder,
            run.enhanced,
        )
        for name, rank in choose_files(run, manifest, examples).items()
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
