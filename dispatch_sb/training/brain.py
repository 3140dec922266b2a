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
from torch.nn.parallel import DistributedDataParallel

from dispatch_sb.losses.once import shared_work
from dispatch_sb.processes import WorkerPool
from dispatch_sb.scoring import validation_scores
from dispatch_sb.training.distillation_mixin import (
    DistillationMixin,
    TermAverages,
)


class DistillationBrain(DistillationMixin, sb.Brain):
    """Trains ``modules.student``, helped by ``modules.teacher`` if there.

    The hyperparameters it reads: ``enhancement_loss``, ``schedule``,
    ``number_of_epochs``, ``pesq_every`` (epochs between two PESQ
    validations), ``workers`` (processes for PESQ), ``train_logger``, ``seed``
    if it is there (what is drawn in an epoch depends on it and on the epoch
    alone), ``supervised_weight`` if it is there (a number or a schedule); and
    with a teacher those of the mixin.

    Batches hold ``noisy_sig`` and ``clean_sig``, ``[batch, samples]`` with
    relative lengths, and ``teacher_sig`` where the teacher was recorded.
    """

    def check_distillation(self) -> None:
        """With a teacher, as in the mixin; without one, nothing is needed."""
        if self.distils:
            super().check_distillation()

    def _wrap_distributed(self) -> None:
        """Shares the student among processes.

        SpeechBrain synchronises batch normalisation, which torch can do on
        GPUs only; on CPUs every process normalises by its own batches.
        """
        if not (self.distributed_launch and self.device_type == "cpu"):
            super()._wrap_distributed()
            return
        self.modules["student"] = DistributedDataParallel(
            self.modules["student"]
        )

    def fit(self, epoch_counter, train_set, valid_set=None, **kwargs):
        """Trains; see `speechbrain.Brain.fit`.

        Arguments
        ---------
        epoch_counter : iterable
            Epoch numbers, from 1.
        train_set, valid_set : Dataset
            ``train_set.set_epoch(epoch)`` is called before each epoch.
        **kwargs
            Passed on.
        """
        self.train_data = train_set
        loader_kwargs = kwargs.pop("train_loader_kwargs", {})
        loader = self.make_dataloader(
            train_set, stage=sb.Stage.TRAIN, **loader_kwargs
        )
        self.steps_per_epoch = len(loader)
        with WorkerPool(self.hparams.workers) as self.scorers:
            super().fit(epoch_counter, loader, valid_set, **kwargs)

    def compute_forward(self, batch, stage):
        """Enhances a batch with the student.

        Arguments
        ---------
        batch : PaddedBatch
            See the class.
        stage : speechbrain.Stage
            Unused.

        Returns
        -------
        torch.Tensor
            Waveforms ``[batch, samples]``.
        """
        del stage
        return self.modules.student(batch.to(self.device).noisy_sig.data)

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
        self.averages.add({"loss": loss, **terms})
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
        batch : PaddedBatch
            Unused.
        should_step : bool
            Unused.
        """
        del batch, should_step
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
        self.averages = TermAverages()
        self.epoch = epoch
        self.pairs, self.pesq_due = [], False
        if stage == sb.Stage.TRAIN:
            self.train_data.set_epoch(epoch)
            self._seed_epoch(epoch)
        elif stage == sb.Stage.VALID:
            last = epoch == self.hparams.number_of_epochs
            self.pesq_due = last or epoch % self.hparams.pesq_every == 0
        elif self.distillation_progress is None:
            self.distillation_progress = 1.0

    def _seed_epoch(self, epoch: int) -> None:
        """Makes what is drawn in an epoch, such as dropout, independent of
        the epochs before it, which a resumed run has not seen."""
        seed = getattr(self.hparams, "seed", None)
        if seed is not None:
            several = torch.distributed.is_initialized()
            rank = torch.distributed.get_rank() if several else 0
            drawn = random.Random(f"{seed}, {epoch}, {rank}")
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
        summary = {**self.averages.summary(), **self.distillation_summary()}
        if stage == sb.Stage.TRAIN:
            self.train_summary = summary
        elif stage == sb.Stage.VALID:
            run_on_main(self._finish_epoch, args=[epoch, summary])
        else:
            self.test_summary = summary

    def _finish_epoch(self, epoch: int, summary: dict) -> None:
        """What only the main process does at the end of an epoch."""
        if self.pesq_due:
            scores = validation_scores(self.pairs, pool=self.scorers)
            failed = sum(scores.pop("failed").values())
            summary.update(scores, scores_failed=failed)
        self.hparams.train_logger.log_stats(
            {"epoch": epoch, "step": self.optimizer_step, "lr": self.rate},
            train_stats=self.train_summary,
            valid_stats=summary,
        )
        if self.checkpointer is None:
            return
        scores = {"pesq": summary["pesq"]} if "pesq" in summary else {}
        self.checkpointer.save_and_keep_only(
            meta={"epoch": epoch, "valid_loss": summary["loss"], **scores},
            max_keys=["pesq"],
            importance_keys=[],
        )
