"""A step that failed, kept in a file, and repeated.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import pickle
import shlex
from pathlib import Path
from typing import Any

import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedData
from torch.nn.parallel import DistributedDataParallel

from dispatch_sb.data.audio_store import Batch
from dispatch_sb.data.files import atomic_path
from dispatch_sb.losses.all_processes import process_count
from dispatch_sb.training.portions import parts_of
from dispatch_sb.training.step_state import random_state, set_random_state
from dispatch_sb.training.throughput import EpochClock

SHOWN = 5  # parameters without a finite gradient that are named


def save_step(
    brain: Any,
    batch: Any,
    stage: sb.Stage,
    loss: torch.Tensor,
    norm: torch.Tensor | None,
) -> str:
    """Writes all that is needed to repeat a step into the run's folder: the
    batch, the random numbers' state, and modules and optimizer as they were
    before it.

    Arguments
    ---------
    brain : GuardedSteps
        Its state is that of before the step.
    batch : PaddedBatch or Batch
        What the step was made of.
    stage : speechbrain.Stage
        Training or validation.
    loss : torch.Tensor
        What came out.
    norm : torch.Tensor, optional
        Norm of the gradient.

    Returns
    -------
    str
        A sentence that says where the file is.
    """
    folder = getattr(brain.hparams, "output_folder", None)
    if folder is None:
        return "There is no output_folder to keep the step in."
    name = f"replay-epoch{brain.epoch}-{stage.name.lower()}{brain.step}"
    if process_count() > 1:
        name += f"-rank{torch.distributed.get_rank()}"
    path = Path(folder) / f"{name}.pt"
    content = _content(brain, batch, stage, loss, norm)
    try:
        with atomic_path(path) as temporary:
            torch.save(content, temporary)
    except (OSError, RuntimeError) as error:
        return f"The step could not be kept in {path} ({error})."
    return (
        f"{path} holds the step: the same command with --replay "
        f"{shlex.quote(str(path))} repeats it."
    )


def _content(brain, batch, stage, loss, norm):
    """See `save_step`."""
    training = stage == sb.Stage.TRAIN
    random = brain.before.random if training else random_state(brain.device)
    held = {k: v for k, v in vars(batch).items() if not k.startswith("_")}
    return {
        "about": {
            "epoch": brain.epoch,
            "step": brain.step,
            "stage": stage.name,
            "steps_per_epoch": brain.steps_per_epoch,
            "progress": brain.distillation_progress,
            "seed": getattr(brain.hparams, "seed", None),
            "at_once": brain.rows_at_once(stage, batch),
            "loss": float(loss),
            "norm": None if norm is None else float(norm),
        },
        "batch": {
            key: [*value] if isinstance(value, PaddedData) else value
            for key, value in held.items()
        },
        "random": random,
        "modules": {k: m.state_dict() for k, m in _trained(brain).items()},
        "optimizer": brain.optimizer.state_dict(),
    }


def _trained(brain):
    """The modules that a step changes, without what processes wrap them in."""
    modules = {
        key: module.module
        if isinstance(module, DistributedDataParallel)
        else module
        for key, module in brain.modules.items()
    }
    return {
        key: module
        for key, module in modules.items()
        if any(x.requires_grad for x in module.parameters())
    }


def _read(path):
    """Reads what `save_step` has written."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        saved["about"]["stage"]
    except FileNotFoundError:
        raise ValueError(f"--replay {path}: there is no such file.") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError, LookupError,
            TypeError, OSError) as error:  # fmt: skip
        raise ValueError(
            f"--replay {path}: this is no step that a training has kept."
        ) from error
    return saved


def repeat_step(brain: Any, path: str | os.PathLike) -> str:
    """Repeats a step, up to where the optimizer would follow.

    Arguments
    ---------
    brain : DistillationBrain
        Of the same options, not yet used; it is of no use afterwards.
    path : str or path
        What `save_step` wrote.

    Returns
    -------
    str
        Every part of the loss, norms of the gradients, the first module whose
        output is not finite, and whether it came again.

    Raises
    ------
    ValueError
        If this is no such file, or another network's.
    """
    saved = _read(path)
    about, stage = saved["about"], sb.Stage[saved["about"]["stage"]]
    _prepare(brain, saved, path)
    batch = Batch(
        **{
            key: PaddedData(*value) if key.endswith("_sig") else value
            for key, value in saved["batch"].items()
        }
    )
    watch = _Watch(brain.modules)
    parts = parts_of(batch, about["at_once"])
    if stage == sb.Stage.TRAIN:
        brain.modules.train()
        brain.before.keep()
        brain.optimizers_step = lambda: None
        brain.step = about["step"]
        loss = brain.fit_parts(parts)
    else:
        brain.modules.eval()
        loss = brain.evaluate_parts(parts, stage)
    return "\n".join(
        [
            f"{path}: epoch {about['epoch']}, step {about['step']} of "
            f"{stage.name.lower()}, seed {about['seed']}, utterances "
            f"{', '.join(map(str, saved['batch'].get('id', [])))}",
            *_losses(brain, about, loss),
            *_gradients(brain, about, stage),
            *watch.found(batch),
            _verdict(brain, about, loss),
        ]
    )


def _prepare(brain, saved, path):
    """Brings a Brain to where the step began."""
    about = saved["about"]
    brain.checkpointer = None
    brain.on_fit_start()
    try:
        for key, module in _trained(brain).items():
            module.load_state_dict(saved["modules"][key])
        brain.optimizer.load_state_dict(saved["optimizer"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise ValueError(
            f"--replay {path}: the networks are others than those of this "
            "recipe; give the options of the run that wrote it."
        ) from error
    brain.epoch, brain.step = about["epoch"], about["step"]
    brain.steps_per_epoch = about["steps_per_epoch"]
    brain.distillation_progress = about["progress"]
    brain.pairs, brain.pesq_due = [], False
    brain.clock = EpochClock(brain.device)
    set_random_state(saved["random"], brain.device)


def _losses(brain, about, loss):
    """Lines about every part of the loss."""
    terms = {
        **brain.averages.summary(),
        **brain.distillation_averages.summary(),
    }
    yield f"loss: {float(loss)} (then {about['loss']})"
    yield from (f"  {k}: {x}" for k, x in terms.items() if k != "loss")


def _gradients(brain, about, stage):
    """Lines about the norms of the gradients."""
    if stage != sb.Stage.TRAIN:
        return
    broken = []
    for key, module in _trained(brain).items():
        given = [x.grad for x in module.parameters() if x.grad is not None]
        norm = torch.nn.utils.get_total_norm(given)
        yield f"norm of the gradient of {key}: {float(norm)}"
        for name, weight in module.named_parameters():
            if weight.grad is not None and not weight.grad.isfinite().all():
                broken.append(f"{key}.{name}")
    if about["norm"] is not None:
        yield f"  (then {about['norm']}, of all, after clipping)"
    if broken:
        more = f" and {len(broken) - SHOWN} more" if broken[SHOWN:] else ""
        yield f"not finite are those of {', '.join(broken[:SHOWN])}{more}"


def _verdict(brain, about, loss):
    """Whether it happened again."""
    numbers = [loss]
    if about["norm"] is not None:
        given = [x.grad for x in brain.modules.parameters()]
        numbers += [x for x in given if x is not None]
    if not all(x.isfinite().all() for x in numbers):
        return "It came again: the step is not finite."
    return (
        "It did not come again: the step is finite. Where the options are the "
        "same, the machine or its libraries decide it."
    )


class _Watch:
    """Notes the first module whose output, or the gradient there, is not
    finite."""

    def __init__(self, modules):
        self.forward = self.backward = None
        for name, module in modules.named_modules():
            if name:
                module.register_forward_hook(self._hook(name))

    def _hook(self, name):
        def look(module, given, output):
            several = output if isinstance(output, (tuple, list)) else [output]
            tensors = [x for x in several if isinstance(x, torch.Tensor)]
            if not all(x.isfinite().all() for x in tensors):
                self.forward = self.forward or name
            for tensor in tensors:
                if tensor.requires_grad:
                    tensor.register_hook(lambda g: self._gradient(g, name))

        return look

    def _gradient(self, gradient, name):
        if not gradient.isfinite().all():
            self.backward = self.backward or name

    def found(self, batch):
        """Lines about it."""
        for key, value in vars(batch).items():
            if (
                isinstance(value, PaddedData)
                and not value.data.isfinite().all()
            ):
                yield f"{key} of the batch is not finite itself"
        first = self.forward or "none: all outputs are finite"
        yield f"the first module whose output is not finite: {first}"
        if self.backward:
            yield f"the first with such a gradient: {self.backward}"
