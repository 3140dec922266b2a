"""What a run's `hyperparams.yaml` says of its teacher and its distillation
loss, wherever the page is started from.

Authors
 * The dispatch-sb contributors, 2026
"""

from torch import nn

from dispatch_sb.publish.settings import Settings


def teacher_source(settings: Settings) -> tuple[str, str | None] | None:
    """Where a run's teacher comes from.

    Arguments
    ---------
    settings : Settings
        Of the run.

    Returns
    -------
    tuple of str and (str or None), or None
        Folder or hub id, and revision; None for a run without a teacher, or
        with one that is not named by `teacher_source` or is no model.
    """
    source = settings.plain.get("teacher_source")
    if source in (None, "clean") or "distillation_loss" not in settings.tree:
        return None
    folder = settings.locate(source)
    return str(folder or source), settings.plain.get("teacher_revision")


def distillation_loss(settings: Settings) -> nn.Module | None:
    """Builds the loss that a run was trained with, and nothing else.

    Load only runs that you trust: their YAML can name any code.

    Arguments
    ---------
    settings : Settings
        Of the run.

    Returns
    -------
    torch.nn.Module or None
        None for a run without distillation, or whose loss knows no patches.
    """
    if "distillation_loss" not in settings.tree:
        return None
    loss = settings.build("distillation_loss")
    return loss if hasattr(loss, "host") else None
