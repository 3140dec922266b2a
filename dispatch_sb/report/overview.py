"""A run in one picture, for example for a README.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch

from dispatch_sb.report.canvas import save_png
from dispatch_sb.report.examples import read_example
from dispatch_sb.report.figures import overview_figure
from dispatch_sb.report.gallery import knowledge_gap
from dispatch_sb.report.sections import choose_files
from dispatch_sb.runs.run import Run


def save_overview(
    run: Run,
    distillation_loss: torch.nn.Module | None,
    path: str | os.PathLike,
    test_files: Mapping[str, Mapping] | None = None,
) -> Path:
    """Writes the spectrograms and the knowledge gap of a run's median file,
    chosen by the same rule as the report's, as one PNG.

    Arguments
    ---------
    run : Run
        A run that was scored, or at least has enhanced the file.
    distillation_loss : DistillationLoss or None
        Draws the knowledge gap; None, or one without patches, leaves it
        out.
    path : str or os.PathLike
        The picture to write.
    test_files : mapping, optional
        What was scored, by id, with ``noisy_wav`` and ``clean_wav`` each; by
        default the run's test files.

    Returns
    -------
    pathlib.Path
        The picture.

    Raises
    ------
    ValueError
        If the manifest is empty, or a signal cannot be read: which and why.
    """
    test_files = run.test_files if test_files is None else test_files
    ((name, rank),) = choose_files(run, test_files, 1).items()
    example = read_example(
        name, rank, test_files.get(name, {}), run.enhanced(name)
    )
    if not example.signals:
        raise ValueError(f"{name}: {' '.join(example.missing)}")
    options = {}
    if hasattr(distillation_loss, "host") and "teacher" in example.signals:
        options["detail"] = knowledge_gap(distillation_loss, example.signals)
        options["hop"] = distillation_loss.hop
        options["patch_frames"] = distillation_loss.host.patch_frames
    figure = overview_figure(example.signals, example.sample_rate, **options)
    return save_png(figure, path)
