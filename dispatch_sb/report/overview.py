"""A run in one picture, for example for a README.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path

import torch

from dispatch_sb.data.manifest import read_manifest
from dispatch_sb.report.canvas import save_png
from dispatch_sb.report.examples import read_example
from dispatch_sb.report.figures import overview_figure
from dispatch_sb.report.gallery import knowledge_gap
from dispatch_sb.report.run import read_run
from dispatch_sb.report.sections import choose_files


def save_overview(
    output_folder: str | os.PathLike,
    test_manifest: str | os.PathLike,
    data_root: str | os.PathLike,
    distillation_loss: torch.nn.Module | None,
    path: str | os.PathLike,
) -> Path:
    """Writes the spectrograms and the knowledge gap of a run's median file,
    chosen by the same rule as the report's, as one PNG.

    Arguments
    ---------
    output_folder : str or os.PathLike
        The run's folder.
    test_manifest : str or os.PathLike
        The pair manifest that was scored.
    data_root : str or os.PathLike
        What `{data_root}` in the manifest stands for.
    distillation_loss : DistillationLoss or None
        Draws the knowledge gap; None, or one without patches, leaves it
        out.
    path : str or os.PathLike
        The picture to write.

    Returns
    -------
    pathlib.Path
        The picture.

    Raises
    ------
    ValueError
        If the manifest is empty, or a signal cannot be read: which and why.
    """
    run, manifest = read_run(output_folder), read_manifest(test_manifest)
    for name, rank in choose_files(run, manifest, 1).items():
        entry = manifest.get(name, {})
        example = read_example(
            name, rank, entry, data_root, run.folder, run.enhanced
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
