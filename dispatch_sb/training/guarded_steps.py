"""Steps that survive a lack of memory, and that stop at the first loss that is
no number, with all that is needed to see it again.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import gc
import re
import time
from collections.abc import Callable
from typing import Any

import speechbrain as sb
import torch
from speechbrain.utils.logger import get_logger
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dispatch_sb.data.pipeline import shared_batch
from dispatch_sb.losses.all_processes import process_count
from dispatch_sb.losses.gradient_share import norms_of_batch
from dispatch_sb.training.portions import (
    TrainingStopped,
    is_out_of_memory,
    norms_of_parts,
    parts_of,
)
from dispatch_sb.training.replay import save_step
from dispatch_sb.training.step_state import StepState

logger = get_logger(__name__)

WORKER = re.compile(r"DataLoader worker \(pid.*")
LATE = 5.0  # seconds until torch is told that a process died, at most
NAMED = 10  # utterances in a message


class GuardedSteps:
    """For a Brain whose batches hold ``noisy_sig``, and which has ``averages``
    and ``pairs`` as `DistillationBrain` does; stands first among the base
    classes.

    Where memory runs out, the batch is halved until it fits, the gradients of
    its parts added up. In validation utterances then follow one another. From
    then on batches of that size are split at once. What the losses make of
    parts is what they make of the batch, a share of the gradient included;
    batch normalisation is by part.

    A loss, or a gradient, that is no number ends the training, with weights
    and optimizer as they were before the step, see `save_step`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.at_once: dict[sb.Stage, int] = {}  # samples that fit, by stage

    def on_fit_start(self) -> None:
        """As the Brain's; watches what is trained."""
        super().on_fit_start()
        trained = [
            module
            for module in self.modules.values()
            if any(x.requires_grad for x in module.parameters())
        ]
        self.before = StepState(trained, self.optimizer, self.device)
        self.optimizer.register_step_pre_hook(self._note_norm)
        self.gradient_norm: torch.Tensor | None = None
        self._saved_at = time.monotonic()

    def _note_norm(self, optimizer, args, kwargs) -> None:
        """Takes the norm of all gradients, without waiting for it."""
        groups = optimizer.param_groups
        given = [x.grad for group in groups for x in group["params"]]
        given = [gradient for gradient in given if gradient is not None]
        self.gradient_norm = torch.nn.utils.get_total_norm(given)

    def fit(self, *args, **kwargs):
        """Trains; see `speechbrain.Brain.fit`.

        Arguments
        ---------
        *args, **kwargs
            Passed on.

        Raises
        ------
        TrainingStopped
            If it cannot go on: the message is for the user.
        """
        try:
            super().fit(*args, **kwargs)
        except (RuntimeError, MemoryError, OSError, EOFError) as error:
            if sentence := _lost_worker(error):
                raise TrainingStopped(sentence) from error
            raise

    def make_dataloader(self, dataset, stage, *args, **kwargs):
        """As SpeechBrain's, but with `shared_batch`.

        Arguments
        ---------
        dataset, stage, *args, **kwargs : object
            As there.

        Returns
        -------
        DataLoader
        """
        kwargs.setdefault("collate_fn", shared_batch)
        return super().make_dataloader(dataset, stage, *args, **kwargs)

    def fit_batch(self, batch):
        """Makes a step; see `speechbrain.Brain`.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.

        Returns
        -------
        torch.Tensor
            The loss, detached, on the CPU.
        """
        self.before.keep()
        self.gradient_norm = None
        loss = self._in_memory(batch, sb.Stage.TRAIN, self.fit_parts)
        self._check(loss, batch, sb.Stage.TRAIN)
        return loss

    def evaluate_batch(self, batch, stage):
        """Evaluates a batch; see `speechbrain.Brain`.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.
        stage : speechbrain.Stage
            Validation or test.

        Returns
        -------
        torch.Tensor
            The loss, detached, on the CPU.
        """
        loss = self._in_memory(
            batch, stage, lambda parts: self.evaluate_parts(parts, stage)
        )
        if stage == sb.Stage.VALID:
            self._check(loss, batch, stage)
        return loss

    def _in_memory(self, batch: Any, stage: sb.Stage, step: Callable):
        """The loss of a batch, in as few parts as the memory takes."""
        total, width = batch.noisy_sig.data.shape
        most = known = self.rows_at_once(stage, batch)
        undo = self._undo()
        while True:
            try:
                loss = step(parts_of(batch, most))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._check_divisible(stage, most, batch, error)
            else:
                break
            # The exception, and with it all that its frames hold, is gone.
            undo()
            if stage == sb.Stage.TRAIN:
                self._take_back()
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            most = -(-most // 2) if stage == sb.Stage.TRAIN else 1
        if most < known:
            self.at_once[stage] = most * width
            logger.warning(self._told(stage, total, most))
        return loss

    def _take_back(self) -> None:
        """Puts everything back as it was before the step; a scaler would not
        unscale twice."""
        self.before.restore()
        scale = self.scaler.scale(torch.ones((), device=self.device))
        self.scaler.update(scale.detach())

    def rows_at_once(self, stage: sb.Stage, batch: Any) -> int:
        """How many utterances of a batch fit into the memory.

        Arguments
        ---------
        stage : speechbrain.Stage
            Validation needs less than training.
        batch : PaddedBatch
            See the class.

        Returns
        -------
        int
            From 1 to all.
        """
        total, width = batch.noisy_sig.data.shape
        known = self.at_once.get(stage, total * width)
        return min(total, max(1, known // width))

    def _undo(self) -> Callable[[], None]:
        """Puts averages and kept utterances back as they are now."""
        both = [vars(self.averages), vars(self.distillation_averages)]
        kept = [{**x, "sums": dict(x["sums"])} for x in both]
        pairs = len(self.pairs)

        def undo():
            for live, before in zip(both, kept):
                live.update(before, sums=dict(before["sums"]))
            del self.pairs[pairs:]

        return undo

    def _check_divisible(self, stage, most, batch, error) -> None:
        """Raises TrainingStopped where parts would not do."""
        place = f"Memory ran out in {self._place(stage)}, with"
        why = str(error).strip().partition("\n")[0]
        if most == 1:
            seconds = batch.noisy_sig.data.shape[1] / self.sample_rate
            raise TrainingStopped(
                f"{place} a single utterance of {seconds:.1f} s ({why}): give "
                "shorter segments (--segment_seconds), a smaller student, or "
                "more memory."
            ) from error
        if stage != sb.Stage.TRAIN:
            return
        remedy = f"--batch_size {most // 2}, or less"
        if process_count() > 1:
            raise TrainingStopped(
                f"{place} {most} utterances on one of {process_count()} "
                f"processes, which split no batch ({why}): give {remedy}; "
                "with --grad_accumulation_factor 2 as many make a step."
            ) from error
        loss = getattr(self.hparams, "distillation_loss", None)
        parts = loss.modules() if isinstance(loss, nn.Module) else [loss]
        whole = [x for x in parts if getattr(x, "compares_utterances", False)]
        if whole:
            raise TrainingStopped(
                f"{place} {most} utterances, and {type(whole[0]).__name__} "
                "compares all of a batch with each other, so that it cannot "
                f"be split ({why}): give {remedy}."
            ) from error

    def _told(self, stage, total, most) -> str:
        """What is said once a batch has been split."""
        said = (
            f"Memory ran out in {self._place(stage)}, with {total} utterances "
            f"at once: from here on {most} at a time, which takes longer."
        )
        if stage != sb.Stage.TRAIN:
            return f"{said} The result is the same."
        said += " Their gradients add up to that of the batch"
        layers = self.modules.student.modules()
        if any(isinstance(layer, _BatchNorm) for layer in layers):
            said += (
                ", but batch normalisation is now by part: the result is "
                "close to that of whole batches, not the same"
            )
        return (
            f"{said}. It is avoided by a smaller --batch_size, or shorter "
            "--segment_seconds."
        )

    def fit_parts(self, parts: list) -> torch.Tensor:
        """Makes a step of the parts of a batch.

        Arguments
        ---------
        parts : list
            Batches; one is an ordinary step.

        Returns
        -------
        torch.Tensor
            The loss of the whole batch, detached, on the CPU.
        """
        if len(parts) == 1:
            return super().fit_batch(parts[0])
        should_step = (self.step % self.grad_accumulation_factor) == 0
        self.on_fit_batch_start(parts, should_step)
        sizes = [len(part.noisy_sig.data) for part in parts]
        total = sum(sizes)
        factor, losses = self.grad_accumulation_factor * total, []
        with (
            norms_of_batch(self._measured(parts)),
            norms_of_parts(self.modules, len(parts)) as begin,
        ):
            for number, (part, size) in enumerate(zip(parts, sizes)):
                begin(number)
                with self.training_ctx:
                    outputs = self.compute_forward(part, sb.Stage.TRAIN)
                    loss = self.compute_objectives(
                        outputs, part, sb.Stage.TRAIN
                    )
                loss = size * loss
                self.scaler.scale(loss / factor).backward()
                losses.append(loss.detach())
        if should_step:
            self.optimizers_step()
        loss = torch.stack(losses).sum() / total
        self.on_fit_batch_end(parts, outputs, loss, should_step)
        return loss.cpu()

    def _measured(self, parts: list) -> list | None:
        """The norms by which a share of the gradient is decided, of all parts:
        these pass the student once more."""
        if getattr(self.hparams, "distillation_share", None) is None:
            return None
        undo = self._undo()
        with norms_of_batch() as norms:
            for part in parts:
                with self.training_ctx:
                    with torch.no_grad():
                        outputs = self.compute_forward(part, sb.Stage.TRAIN)
                    outputs.requires_grad_()
                    self.compute_objectives(outputs, part, sb.Stage.TRAIN)
        undo()
        self.before.restore()
        return norms

    def evaluate_parts(self, parts: list, stage: sb.Stage) -> torch.Tensor:
        """Evaluates the parts of a batch.

        Arguments
        ---------
        parts : list
            Batches.
        stage : speechbrain.Stage
            Validation or test.

        Returns
        -------
        torch.Tensor
            The loss of the whole batch, detached, on the CPU.
        """
        if len(parts) == 1:
            return super().evaluate_batch(parts[0], stage)
        sizes = [len(part.noisy_sig.data) for part in parts]
        evaluate = super().evaluate_batch
        losses = [n * evaluate(part, stage) for n, part in zip(sizes, parts)]
        return sum(losses) / sum(sizes)

    def _check(self, loss, batch, stage) -> None:
        """Stops unless loss and gradient are numbers; both have been computed
        when the loss could be read."""
        norm = None if stage != sb.Stage.TRAIN else self.gradient_norm
        broken = not torch.isfinite(loss)
        if not broken and (norm is None or torch.isfinite(norm)):
            return
        if stage == sb.Stage.TRAIN:
            # All of it, statistics of batch normalisation too.
            self._take_back()
            if self.skip_nonfinite_grads:
                with contextlib.suppress(ValueError):  # its patience is over
                    super().check_loss_isfinite(loss)
                    return
        value = loss if broken else norm
        what = "loss" if broken else "norm of the gradient"
        ids = [*map(str, getattr(batch, "id", []))]
        names = ", ".join(ids[:NAMED])
        if len(ids) > NAMED:
            names += f" and {len(ids) - NAMED} more"
        raise TrainingStopped(
            f"In {self._place(stage)}, the {what} is {float(value)}, which is "
            f"not finite, with the utterances {names or 'of this batch'}. "
            f"{save_step(self, batch, stage, loss, norm)} The same command "
            "goes on from the newest checkpoint; a lower --lr may help."
        )

    def _place(self, stage) -> str:
        """Where training is, in words."""
        if stage == sb.Stage.TEST:
            return "the test"
        part = " of validation" if stage == sb.Stage.VALID else ""
        return f"epoch {self.epoch}, step {self.step}{part}"

    @property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return getattr(self.hparams, "sample_rate", 16000)

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time, steps_since_ckpt):
        """As SpeechBrain decides it, by a clock that nobody sets; never with
        gradients of a step that is not complete, which it does not save."""
        del last_ckpt_time
        if self.step % self.grad_accumulation_factor:
            return False
        passed = time.monotonic() - self._saved_at
        return super()._should_save_intra_epoch_ckpt(
            time.time() - passed, steps_since_ckpt
        )

    def _fit_train(self, *args, **kwargs):
        self._saved_at = time.monotonic()
        super()._fit_train(*args, **kwargs)

    def _save_intra_epoch_ckpt(self):
        super()._save_intra_epoch_ckpt()
        self._saved_at = time.monotonic()


def _lost_worker(error: BaseException) -> str | None:
    """A sentence, if it was a process that loads data which died, or ran out
    of memory."""
    if isinstance(error, TrainingStopped):
        return None
    if isinstance(error, (ConnectionError, EOFError)):
        try:
            time.sleep(LATE)
        except RuntimeError as heard:
            error = heard
    if is_out_of_memory(error):  # and not in a step, where it is dealt with
        why = str(error).strip().rpartition("\n")[2]
        return (
            "Memory ran out while batches were loaded: give fewer "
            f"--num_workers, or a smaller --batch_size ({why})."
        )
    told = WORKER.search(str(error))
    if told is None:
        return None
    return (
        f"A process that loads data died: {told[0].strip().rstrip('.')}. Most "
        "often the system ends it since memory is short: give fewer "
        "--num_workers (0: none), or a smaller --batch_size; in a container, "
        "a larger /dev/shm. The same command goes on from the newest "
        "checkpoint."
    )
