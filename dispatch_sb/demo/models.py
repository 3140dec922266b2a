"""The models that a page shows: a student, perhaps its teacher, and the loss
that tells where the teacher was followed.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
from dispatch_sb.pretrained import FrozenTeacher, load
from dispatch_sb.runs.run import Run, is_run


@dataclass
class Models:
    """What a page shows.

    Arguments
    ---------
    networks : dict
        "student" and perhaps "teacher", waveforms `[batch, samples]` in and
        out.
    sample_rate : int
        The student's, in Hz; the page and the teacher work at it.
    loss : DistillationLoss
        Patches and distances of the maps.
    sources : dict
        Folder or hub id of each network, for display.
    notes : list of str
        What the page should say about them.
    """

    networks: dict[str, nn.Module]
    sample_rate: int
    loss: nn.Module
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def open_models(
    student: str | os.PathLike,
    teacher: str | os.PathLike | None = None,
    teacher_revision: str | None = None,
    student_revision: str | None = None,
    trust_remote_code: bool = False,
) -> Models:
    """Opens student and teacher by name.

    Arguments
    ---------
    student : str or os.PathLike
        A run's folder, which names teacher and loss too, a model's folder, or
        a hub id.
    teacher : str or os.PathLike, optional
        The same for the teacher; without it, the run's, or none.
    teacher_revision, student_revision : str, optional
        Commit, tag or branch of a hub id.
    trust_remote_code : bool
        As for `dispatch_sb.pretrained.load`, of both.

    Returns
    -------
    Models
        On the CPU, in eval mode.

    Raises
    ------
    FileNotFoundError, ValueError, ConnectionError
        If one of them cannot be opened: which, why, and the remedy.
    """
    trusted = {"trust_remote_code": trust_remote_code}
    network = load(str(student), student_revision, **trusted)
    rate = getattr(network, "sample_rate", 16000)
    networks, sources = {"student": network}, {"student": str(student)}
    loss, notes = None, []
    if is_run(student):
        run = Run.open(student, trust_remote_code)
        loss = run.distillation_loss()
        if teacher is None:
            teacher, teacher_revision = _teacher_of(run)
        if teacher is None and len(run.teachers) > 1:
            notes.append(
                f"The run had {len(run.teachers)} teachers: name one with "
                "--teacher."
            )
        if teacher is None and loss is not None and not run.record:
            notes.append(
                "The run was made before a run noted its teacher: name it with "
                "--teacher, or give the training’s command again with "
                "--test_only."
            )
    if teacher is not None:
        sources["teacher"] = str(teacher)
        master = load(str(teacher), teacher_revision, **trusted)
        notes += _teacher_notes(master, rate)
        networks["teacher"] = FrozenTeacher(
            master, sample_rate=rate, resample=True
        )
        if loss is None:
            notes.append(
                "The maps use the recipe’s distillation loss, as the "
                "student’s own is not known."
            )
    loss = usual_loss(rate) if loss is None else loss
    if loss.sample_rate != rate:
        raise ValueError(
            f"{student}: its loss works at {loss.sample_rate} Hz and its "
            f"student at {rate} Hz; the settings contradict each other."
        )
    return Models(networks, rate, loss, sources, notes)


def usual_loss(sample_rate: int = 16000) -> DistillationLoss:
    """The loss of the recipe, for models whose own is not known.

    Arguments
    ---------
    sample_rate : int
        In Hz.

    Returns
    -------
    DistillationLoss
        DISPatch with multi-scale patches on DFKD, 80 % selected.

    Example
    -------
    >>> usual_loss(48000).selection.ratio
    0.8
    """
    host = DFKD(beta=0.5, patch_bins=(10, 40))
    return DistillationLoss(host, TopGap(0.8), sample_rate=sample_rate)


@torch.no_grad()
def enhance(
    network: nn.Module, samples: np.ndarray, name: str
) -> tuple[np.ndarray, float]:
    """Runs a network on one recording.

    Arguments
    ---------
    network : torch.nn.Module
        Waveforms `[batch, samples]` in and out.
    samples : np.ndarray
        The recording `[samples]`.
    name : str
        What the error calls the network.

    Returns
    -------
    tuple of np.ndarray and float
        float32 samples `[samples]`, and how long it took in s.

    Raises
    ------
    RuntimeError
        If the output is not finite.

    Example
    -------
    >>> enhance(nn.Identity(), np.ones(3, dtype="float32"), "student")[0]
    array([1., 1., 1.], dtype=float32)
    """
    begin = time.perf_counter()
    enhanced = network(torch.from_numpy(samples)[None])[0].float().cpu().numpy()
    seconds = time.perf_counter() - begin
    if not np.isfinite(enhanced).all():
        raise RuntimeError(
            f"The {name} returned NaN or infinity: its weights are damaged, "
            "or it cannot take this recording."
        )
    return enhanced, seconds


def _teacher_of(run: Run) -> tuple[str | None, str | None]:
    """A run's teacher, folder or hub id, and its commit or revision; None
    without one, with several, or with one that is no model of its own."""
    teacher = run.teacher or {}
    source = teacher.get("source")
    if source in (None, "clean"):
        return None, None
    found = run.locate(source)
    return str(found or source), teacher["commit"] or teacher["revision"]


def _teacher_notes(teacher: nn.Module, sample_rate: int) -> list[str]:
    """What changes a teacher's output before it is heard."""
    notes = []
    if getattr(teacher, "match_level", False):
        notes.append(
            "The teacher normalises its level: it is heard at the level of "
            "its input."
        )
    rate = getattr(teacher, "sample_rate", sample_rate)
    if rate != sample_rate:
        notes.append(
            f"The teacher works at {rate} Hz: its input is converted from "
            f"{sample_rate} Hz and its output back."
        )
    return notes
