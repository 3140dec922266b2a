"""The distillation Brain: a student learns from clean speech and a teacher.

Without a teacher it is the ordinary supervised training that the student is
compared with. Nothing here opens a file.

Authors
 * The dispatch-sb contributors, 2026
"""

import random

import speechbrain as sb
import torch
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from dispatch_sb.losses.all_processes import from_all, process_count
from dispatch_sb.losses.once import shared_work
from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring import validation_scores
from dispatch_sb.training.distillation_mixin import (
    DistillationMixin,
    TermAverages,
)
from dispatch_sb.training.guarded_steps import GuardedSteps
from dispatch_sb.training.ranks import (
    one_order,
    own_share,
    share_batch_norm,
    share_of_workers,
)
from dispatch_sb.training.throughput import EpochClock, sentence

logger = get_logger(__name__)

KEPT = ["pesq"]  # the highest of these, and the newest checkpoint, are kept


class DistillationBrain(GuardedSteps, DistillationMixin, sb.Brain):
    """Trains ``modules.student``, helped by ``modules.teacher`` if there.

    The hyperparameters it reads: ``enhancement_loss``, ``schedule``,
    ``number_of_epochs``, ``pesq_every`` (epochs between two PESQ
    validations), ``workers`` (processes for PESQ), ``train_logger``, ``seed``
    if it is there (what is drawn in a step depends on it and on epoch and step
    alone), ``supervised_weight`` if it is there (a number or a schedule); and
    with a teacher those of the mixin.

    Batches hold ``noisy_sig`` and ``clean_sig``, ``[batch, samples]`` with
    relative lengths, and ``teacher_sig`` where the teacher was recorded.
    """

    HPARAMS_NEEDED = (
        "enhancement_loss",
        "number_of_epochs",
        "pesq_every",
        "schedule",
        "train_logger",
        "workers",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.averages = TermAverages()
        if self.checkpointer is not None:
            for name in ("averages", "distillation_averages"):
                kept = getattr(self, name)
                self.checkpointer.add_recoverable(
                    name, kept, optional_load=True
                )

    def check_distillation(self) -> None:
        """With a teacher, as in the mixin; without one, nothing is needed."""
        if self.distils:
            super().check_distillation()

    def _wrap_distributed(self) -> None:
        """Shares what is trained, and its batch normalisation, among
        processes."""
        if not self.distributed_launch:
            super()._wrap_distributed()
            return
        on_cpu = self.device_type == "cpu"
        for name, module in self.modules.items():
            if any(x.requires_grad for x in module.parameters()):
                self.modules[name] = DistributedDataParallel(
                    share_batch_norm(module, self.device_type),
                    device_ids=None if on_cpu else [self.device],
                    find_unused_parameters=self.find_unused_parameters,
                )

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains; see `speechbrain.Brain.fit`.

        Arguments
        ---------
        epoch_counter : iterable
            Epoch numbers, from 1.
        train_set, valid_set : Dataset
            ``train_set.set_epoch(epoch)`` is called before each epoch. If it
            has ``loader_options``, that function decides the loader's. A
            loader, which shards need, is used as it is, and saved.
        **kwargs
            Passed on.
        """
        self.train_data = train_set
        asked = kwargs.pop("train_loader_kwargs", {})
        if isinstance(train_set, DataLoader):
            loader = train_set
            self.checkpointer.add_recoverable("dataloader-TRAIN", loader)
        else:
            asked = {"pin_memory": self.device_type == "cuda", **asked}
            options = getattr(train_set, "loader_options", dict)
            loader = self.make_dataloader(
                train_set,
                stage=sb.Stage.TRAIN,
                **one_order(train_set, options(asked)),
            )
        self.steps_per_epoch = len(loader)
        if valid_set is not None:
            valid_kwargs = kwargs.get("valid_loader_kwargs", {})
            kwargs["valid_loader_kwargs"] = own_share(valid_set, valid_kwargs)
        workers = share_of_workers(self.hparams.workers)
        with WorkerPool(workers) as self.scorers:
            super().fit(epoch_counter, loader, valid_set, **kwargs)

    def on_fit_start(self) -> None:
        """As SpeechBrain's; what a killed run did not get to delete goes."""
        super().on_fit_start()
        newest = self.checkpointer and self.checkpointer.find_checkpoint()
        if newest and newest.meta["end-of-epoch"]:
            self.checkpointer.delete_checkpoints(max_keys=KEPT)

    def compute_forward(self, batch, stage):
        """Enhances a batch with the student.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.
        stage : speechbrain.Stage
            Training, validation or test.

        Returns
        -------
        torch.Tensor
            Waveforms ``[batch, samples]``.
        """
        student = self.modules.student
        wrapped = isinstance(student, DistributedDataParallel)
        if wrapped and stage != sb.Stage.TRAIN:
            # Processes have unequal shares: a pass must wait for no other.
            student = student.module
        batch = batch.to(self.device, non_blocking=True)
        return student(batch.noisy_sig.data)

    def compute_objectives(self, predictions, batch, stage):
        """Supervised loss plus weighted distillation loss.

        Arguments
        ---------
        predictions : torch.Tensor
            From `compute_forward`.
        batch : PaddedBatch
            See the class.
        stage : speechbrain.Stage
            In validation, estimates are kept for PESQ when it is due.

        Returns
        -------
        torch.Tensor
            Scalar loss.
        """
        student = predictions.float()
        clean, lens = batch.clean_sig
        with shared_work():
            loss, terms = self._losses(student, batch)
        self.averages.add({"loss": loss, **terms}, len(clean))
        if stage == sb.Stage.VALID and self.pesq_due:
            self._keep_for_pesq(clean, student, lens)
        return loss

    def _losses(self, student, batch):
        """The loss of a batch, and the terms of its supervised part."""
        clean, lens = batch.clean_sig
        loss, terms = self.hparams.enhancement_loss(student, clean, lens)
        terms = {"supervised": loss, **terms}
        weight = self._now(self._given("supervised_weight"))
        if weight is not None:
            loss = weight * loss
        if self.distils:
            loss = self.distillation(
                student,
                batch.noisy_sig,
                batch.clean_sig,
                teacher=getattr(batch, "teacher_sig", None),
                supervised=loss,
                total=True,
            )
        return loss, terms

    def fit_batch(self, batch):
        """Makes a step, and tells the clock; see `speechbrain.Brain`.

        The device is waited for once, when the loss is read at the end.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.

        Returns
        -------
        torch.Tensor
            The loss, detached, on the CPU.
        """
        self.clock.arrived(batch.noisy_sig)
        self._seed(self.epoch, self.step)
        loss = super().fit_batch(batch)
        self.clock.stepped()
        return loss

    def check_loss_isfinite(self, loss) -> None:
        """Nothing before the backward pass, where the device would be waited
        for: `GuardedSteps` checks the loss when it has been read."""

    def on_fit_batch_end(self, batch, outputs, loss, should_step) -> None:
        """Tells the clock that the host has done its part.

        Arguments
        ---------
        batch, outputs, loss, should_step : object
            Unused.
        """
        del batch, outputs, loss, should_step
        self.clock.queued()

    def _keep_for_pesq(self, clean, student, lens) -> None:
        """Moves each utterance, unpadded, to the host."""
        samples = (lens * clean.shape[1]).round().long().tolist()
        for reference, estimate, length in zip(clean, student, samples):
            pair = (reference[:length], estimate[:length])
            self.pairs.append(tuple(x.cpu().numpy() for x in pair))

    def on_fit_batch_start(self, batch, should_step):
        """Sets what depends on the share of training done.

        Arguments
        ---------
        batch, should_step : object
            Unused.
        """
        del batch, should_step
        self._follow_schedules()

    def _follow_schedules(self):
        """Sets what depends on the share of training done."""
        epochs_done = self.epoch - 1 + (self.step - 1) / self.steps_per_epoch
        progress = epochs_done / self.hparams.number_of_epochs
        self.distillation_progress = progress
        self.rate = self.hparams.schedule.apply(self.optimizer, progress)

    def on_stage_start(self, stage, epoch: int | None = None):
        """Starts the averages; draws the epoch's crops.

        Arguments
        ---------
        stage : speechbrain.Stage
            Training, validation or test.
        epoch : int, optional
            From 1; None in a test.
        """
        if self.step == 0:  # no epoch goes on from its middle
            self.averages.clear()
        self.epoch = epoch
        self.pairs, self.pesq_due = [], False
        if stage == sb.Stage.TRAIN:
            self.train_data.set_epoch(epoch)
            self._seed(epoch, 0)
            if self.step:  # of a run that goes on, perhaps after the last one
                self._follow_schedules()
            self.clock = EpochClock(
                self.device, self.sample_rate, process_count()
            )
        elif stage == sb.Stage.VALID:
            last = epoch == self.hparams.number_of_epochs
            self.pesq_due = last or epoch % self.hparams.pesq_every == 0
        elif self.distillation_progress is None:
            self.distillation_progress = 1.0

    def _seed(self, epoch: int, step: int) -> None:
        """Makes what is drawn in a step, such as dropout, independent of the
        steps before it, which a resumed run has not seen."""
        seed = getattr(self.hparams, "seed", None)
        if seed is not None:
            several = torch.distributed.is_initialized()
            rank = torch.distributed.get_rank() if several else 0
            drawn = random.Random(f"{seed}, {epoch}, {step}, {rank}")
            torch.manual_seed(drawn.getrandbits(63))

    def on_stage_end(self, stage, stage_loss, epoch: int | None = None):
        """After validation: PESQ if it is due, logs, a checkpoint; after a
        test the averages stay in ``test_summary``.

        Arguments
        ---------
        stage : speechbrain.Stage
            Training, validation or test.
        stage_loss : float
            Unused: the mean is among the averages.
        epoch : int, optional
            From 1; None in a test.
        """
        del stage_loss
        for averages in (self.averages, self.distillation_averages):
            averages.merge(from_all)
        summary = {**self.averages.summary(), **self.distillation_summary()}
        if stage == sb.Stage.TRAIN:
            self.train_summary = summary
            self.speed = self.clock.summary()
            logger.info(sentence(epoch, self.speed))
        elif stage == sb.Stage.VALID:
            if self.pesq_due:
                scores = validation_scores(
                    self.pairs, pool=self.scorers, from_all=from_all
                )
                failed = sum(scores.pop("failed").values())
                summary.update(scores, scores_failed=failed)
            run_on_main(self._finish_epoch, args=[epoch, summary])
        else:
            self.test_summary = summary

    def _finish_epoch(self, epoch: int, summary: dict) -> None:
        """What only the main process does at the end of an epoch."""
        self.hparams.train_logger.log_stats(
            {
                "epoch": epoch,
                "step": self.optimizer_step,
                "lr": self.rate,
                "speed": self.speed,
            },
            train_stats=self.train_summary,
            valid_stats=summary,
        )
        if self.checkpointer is None:
            return
        scores = {"pesq": summary["pesq"]} if "pesq" in summary else {}
        self.checkpointer.save_and_keep_only(
            meta={"epoch": epoch, "valid_loss": summary["loss"], **scores},
            max_keys=KEPT,
            importance_keys=[],
        )
