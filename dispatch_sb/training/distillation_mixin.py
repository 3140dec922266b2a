"""Distillation for Brains that exist already: one line of their
`compute_objectives` adds the loss, the mixin does the rest.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Callable, Mapping

import speechbrain as sb
import torch
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from speechbrain.utils.logger import get_logger

from dispatch_sb.losses.gradient_share import at_gradient_share
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.teacher import Teacher

logger = get_logger(__name__)

WEIGHT, SHARE = "distillation_weight", "distillation_share"


@register_checkpoint_hooks
class TermAverages:
    """Means of named loss terms, summed on their device; a checkpoint in the
    middle of an epoch keeps them.

    Example
    -------
    >>> averages = TermAverages()
    >>> averages.add({"loss": torch.tensor(1.0)})
    >>> averages.add({"loss": torch.tensor(3.0)})
    >>> averages.summary()
    {'loss': 2.0}
    """

    def __init__(self):
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.sums: dict = {}
        self.utterances = 0

    @mark_as_saver
    def _save(self, path):
        torch.save({"sums": self.sums, "utterances": self.utterances}, path)

    @mark_as_loader
    def _load(self, path, end_of_epoch):
        if not end_of_epoch:
            vars(self).update(torch.load(path, map_location="cpu"))

    def add(
        self, terms: Mapping[str, torch.Tensor], utterances: int = 1
    ) -> None:
        """Adds the terms of one step, without waiting for the device.

        Arguments
        ---------
        terms : Mapping[str, torch.Tensor]
            Scalars, means over a batch.
        utterances : int
            Of the batch: how much it counts.
        """
        self.utterances += utterances
        for name, value in terms.items():
            total = utterances * value.detach().float()
            self.sums[name] = self.sums.get(name, 0) + total

    def merge(self, from_all: Callable[[tuple], list]) -> None:
        """Becomes the averages of all processes, which all call this at once.

        Arguments
        ---------
        from_all : callable
            Given what this process holds, the list of what all hold.
        """
        own = {name: float(total) for name, total in self.sums.items()}
        parts = from_all((own, self.utterances))
        self.sums, self.utterances = {}, 0
        for sums, utterances in parts:
            self.utterances += utterances
            for name, total in sums.items():
                self.sums[name] = self.sums.get(name, 0) + total

    def summary(self) -> dict[str, float]:
        """Means so far, as plain floats.

        Returns
        -------
        dict[str, float]
            One mean per term.
        """
        count = self.utterances
        return {name: float(total) / count for name, total in self.sums.items()}


class DistillationMixin:
    """Gives a Brain `self.distillation(enhanced, noisy, clean)`, the weighted
    distillation loss to add to its own; stands first among the base classes.

    It reads these hyperparameters:

    ``teacher``: maps noisy waveforms ``[batch, samples]`` to enhanced ones; it
    may stand among the modules too. A `Teacher` whose ``live`` is False runs
    no network: clean speech (`CleanTeacher`), or recordings, which come with
    the batch. Several are a `TeacherGroup`.

    ``distillation_loss``: a `dispatch_sb.losses.DistillationLoss`,
    `OutputDistillation`, or `FeatureDistillation`. One with parameters stands
    among the modules too, so that they are trained, in all processes alike.

    ``distillation_weight``: a number of 0 or more; with 0 the Brain trains as
    if there were no mixin, the teacher is not run, and the other two are not
    needed.

    ``distillation_share``, in place of the weight: the share, in [0, 1), that
    distillation has of the gradient at the student's output, see
    `at_gradient_share`. It means the same for every loss, and needs
    ``supervised=``.

    ``log_details``, optional: whether shares and gaps are logged even if the
    loss selects nothing, which costs their computation.

    Weight, share and the ratio of a selection may be schedules (see
    `dispatch_sb.training.schedules`); the Brain then sets
    ``distillation_progress``, the share of the training done, from 0 to 1,
    before every step.

    The teacher becomes ``modules.teacher``: it moves to the Brain's device, is
    frozen (see `FrozenTeacher`), and is kept from the optimizer. What was
    followed is averaged on the device, and at the end of a stage logged, or
    taken by the Brain with `distillation_summary`.

    Arguments
    ---------
    modules : Mapping, optional
        As for ``speechbrain.Brain``.
    opt_class : callable, optional
        As for ``speechbrain.Brain``.
    hparams : Mapping, optional
        As for ``speechbrain.Brain``, with those above.
    *args, **kwargs
        The Brain's other arguments.

    Example
    -------
    >>> import speechbrain as sb
    >>> from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
    >>> class MyBrain(DistillationMixin, sb.Brain):
    ...     def compute_forward(self, batch, stage):
    ...         return self.modules.student(batch["noisy"])
    ...
    ...     def compute_objectives(self, enhanced, batch, stage):
    ...         noisy, clean = batch["noisy"], batch["clean"]
    ...         loss = (enhanced - clean).square().mean()
    ...         return loss + self.distillation(enhanced, noisy, clean)
    >>> brain = MyBrain(
    ...     modules={"student": torch.nn.Sequential(torch.nn.Linear(16, 16))},
    ...     hparams={
    ...         "teacher": torch.nn.Identity(),
    ...         "distillation_loss": DistillationLoss(DFKD(), TopGap(0.8)),
    ...         "distillation_weight": 0.1,
    ...     },
    ... )
    >>> brain.modules.teacher.train().training
    False
    """

    # What schedules depend on, from 0 to 1; None: no schedule may be used.
    distillation_progress: float | None = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if sb.Brain in order[: order.index(DistillationMixin)]:
            raise ValueError(
                f"class {cls.__name__}: DistillationMixin must stand before "
                "the Brain, as in class MyBrain(DistillationMixin, sb.Brain)."
            )

    def __init__(
        self, modules=None, opt_class=None, hparams=None, *args, **kwargs
    ):
        modules, hparams = dict(modules or {}), dict(hparams or {})
        teacher = modules.get("teacher", hparams.get("teacher"))
        if teacher is not None and not isinstance(teacher, Teacher):
            teacher = FrozenTeacher(teacher, hparams.get("sample_rate", 16000))
        if teacher is not None:
            modules["teacher"] = teacher
        super().__init__(modules, opt_class, hparams, *args, **kwargs)
        self.distillation_averages = TermAverages()

    @property
    def distils(self) -> bool:
        """Whether there is a teacher."""
        return "teacher" in self.modules

    def distillation(
        self,
        enhanced: torch.Tensor,
        noisy: torch.Tensor | tuple,
        clean: torch.Tensor | tuple,
        lens: torch.Tensor | None = None,
        teacher: torch.Tensor | tuple | None = None,
        supervised: torch.Tensor | None = None,
        total: bool = False,
    ) -> torch.Tensor:
        """The distillation loss of a batch, to be added to the Brain's own.

        Arguments
        ---------
        enhanced : torch.Tensor
            The student's waveforms, ``[batch, samples]``, at the level of the
            input (not peak-normalised); they alone get gradient.
        noisy : torch.Tensor or tuple
            What the student was given, ``[batch, samples]``, alone or with
            relative lengths ``[batch]`` as in ``batch.noisy_sig``.
        clean : torch.Tensor or tuple
            The clean speech, likewise.
        lens : torch.Tensor, optional
            Relative lengths ``[batch]``, where none come with the others.
        teacher : torch.Tensor or tuple, optional
            The teacher's waveforms, likewise, where they are known already:
            the teacher is then not run. Of several, those of the recorded
            ones, see `TeacherGroup.answer`.
        supervised : torch.Tensor, optional
            The Brain's own loss, scalar, computed from ``enhanced``; needed
            with ``distillation_share``.
        total : bool
            Whether ``supervised`` shall be in the result already: with
            ``distillation_share`` that saves going back through it twice.

        Returns
        -------
        torch.Tensor
            Float32 scalar, weighted, computed in float32 under autocast too.
            0 if weight or share is 0. Where ``enhanced`` has no gradient, as
            in validation, it is 0 too if a share decides its weight (the loss
            is only reported), if the recorded teacher has no recording, or if
            the loss compares features.

        Raises
        ------
        ValueError
            If a hyperparameter is missing, or the signals do not fit.
        """
        self.check_distillation()
        weight, share = (
            self._now(self._given(name)) for name in (WEIGHT, SHARE)
        )
        nothing = torch.zeros((), device=enhanced.device)
        base = supervised if total else nothing
        compare = self._given("distillation_loss")
        training = enhanced.requires_grad
        unasked = getattr(compare, "in_training_alone", False) and not training
        if not (weight or share) or unasked:
            return base
        noisy, clean, teacher = (
            _waveforms(signal, enhanced.device)
            for signal in (noisy, clean, teacher)
        )
        taught = self._taught(noisy[0], clean[0], teacher[0], training)
        if taught is None:
            return base
        for _, given in (clean, noisy, teacher):
            lens = given if lens is None else lens
        loss, terms = self._compared(enhanced, taught, clean[0], lens)
        value = base
        if share is None:
            value = base + weight * loss
        elif training:
            if supervised is None:
                raise ValueError(
                    f"{SHARE} is a share beside the supervised loss: give that "
                    "to distillation() as supervised=."
                )
            value, weight = at_gradient_share(
                loss, supervised, enhanced, share, total
            )
        if training and weight is not self._given(WEIGHT):
            terms["effective_weight"] = torch.as_tensor(weight)
        self.distillation_averages.add(terms, len(enhanced))
        return value

    def _taught(self, noisy, clean, known, training):
        """What the teacher makes of a batch; None if nobody recorded it, which
        is a mistake in training."""
        taught = self.modules.teacher.answer(noisy, clean, known)
        if taught is None and training:
            raise ValueError(
                f"{type(self.modules.teacher).__name__} holds recordings, but "
                "the batch has none: distillation() needs teacher=, such as "
                "batch.teacher_sig."
            )
        return None if taught is None else taught.detach()

    def _compared(self, enhanced, taught, clean, lens):
        """The loss before its weight, and the terms to log. Gaps cost their
        computation: they are asked for where the loss needs them anyway."""
        compare = self.hparams.distillation_loss
        selection = getattr(compare, "selection", None)
        for module in self.modules.values():
            if getattr(module, "module", None) is compare:
                compare = module  # as processes share it
        if getattr(selection, "schedule", None) is not None:
            selection.ratio = self._now(selection.schedule)
        if selection is None and not self._given("log_details"):
            loss = compare(enhanced, taught, clean, lens)
            return loss, {"distillation": loss}
        loss, detail = compare(
            enhanced, taught, clean, lens, return_detail=True
        )
        terms = {"distillation": loss}
        for band, maps in detail.items():
            terms[f"selected_share_{band}"] = maps["selected_share"].mean()
            terms[f"mean_gap_{band}"] = maps["mean_gap"].mean()
            if "followed_share" in maps:
                shares = maps["followed_share"].unbind(1)
                for number, share in enumerate(shares, 1):
                    terms[f"teacher_{number}_share_{band}"] = share.mean()
        return loss, terms

    def _given(self, name):
        """A hyperparameter, None if there is none."""
        return getattr(self.hparams, name, None)

    def _now(self, value):
        """The number that a hyperparameter is at this point of training."""
        if not callable(value):
            return value
        if self.distillation_progress is None:
            raise ValueError(
                f"{type(self).__name__} has a schedule "
                f"({type(value).__name__}), which needs to know how much of "
                "the training is done: set self.distillation_progress, from 0 "
                "to 1, in on_fit_batch_start."
            )
        return value(self.distillation_progress)

    def distillation_summary(self) -> dict[str, float]:
        """The stage's means, for the Brain's own log; the next begin anew.

        Returns
        -------
        dict[str, float]
            ``distillation`` (before its weight), for each band of a loss that
            selects ``selected_share_<band>`` and ``mean_gap_<band>``, and
            after training ``effective_weight`` if the weight is not constant;
            of this process' share of the data. Empty if nothing was distilled.
        """
        summary = self.distillation_averages.summary()
        self.distillation_averages.clear()
        return summary

    def check_distillation(self) -> None:
        """Raises ValueError unless the hyperparameters are complete."""
        weight, share = self._given(WEIGHT), self._given(SHARE)
        if weight is not None and share is not None:
            raise ValueError(
                f"{WEIGHT}: {weight} and {SHARE}: {share} contradict each "
                "other: give one of them, and null for the other."
            )
        _check_ends(WEIGHT, weight, math.inf)
        _check_ends(SHARE, share, 1)
        if weight == 0:
            return
        needed = {
            "teacher": self.modules.teacher if self.distils else None,
            "distillation_loss": self._given("distillation_loss"),
            WEIGHT: share if weight is None else weight,
        }
        missing = [name for name, given in needed.items() if given is None]
        if missing:
            raise ValueError(
                f"{type(self).__name__} distils, but its hyperparameters lack "
                f"{' and '.join(missing)}: add what is missing to the YAML, or "
                f"{WEIGHT}: 0 to train without a teacher."
            )

    def init_optimizers(self) -> None:
        """As the Brain does, out of the teacher's sight."""
        teacher = self.modules.pop("teacher") if self.distils else None
        try:
            super().init_optimizers()
        finally:
            if teacher is not None:
                self.modules["teacher"] = teacher

    def fit(self, *args, **kwargs):
        """Trains, once the hyperparameters are complete; see
        `speechbrain.Brain.fit`."""
        self.check_distillation()
        return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """As the Brain does, and logs the terms of the test."""
        average = super().evaluate(*args, **kwargs)
        self._log_terms("test")
        return average

    # A Brain's own on_stage_start and on_stage_end rarely call those below
    # them, hence these two, which contain both.
    def _fit_train(self, train_set, epoch, enable):
        super()._fit_train(train_set=train_set, epoch=epoch, enable=enable)
        self._log_terms(f"epoch {epoch}, training")

    def _fit_valid(self, valid_set, epoch, enable):
        super()._fit_valid(valid_set=valid_set, epoch=epoch, enable=enable)
        self._log_terms(f"epoch {epoch}, validation")

    def _log_terms(self, stage: str) -> None:
        """Logs the terms that the Brain has not taken."""
        terms = self.distillation_summary()
        if terms:
            values = ", ".join(f"{n}: {x:.3g}" for n, x in terms.items())
            logger.info("Distillation, %s: %s", stage, values)


def _check_ends(name, value, limit):
    """Raises ValueError unless a number, or both ends of a schedule, lie in
    [0, limit)."""
    for number in (value(0.0), value(1.0)) if callable(value) else (value,):
        if number is None:
            continue
        if isinstance(number, str) or not 0 <= number < limit:
            wanted = "0 or more" if limit == math.inf else f"from 0 to {limit}"
            raise ValueError(f"{name}: {number} must be a number, {wanted}.")


def _waveforms(signal, device):
    """Waveforms ``[batch, samples]`` on the device, and lengths or None."""
    if signal is None:
        return None, None
    if isinstance(signal, torch.Tensor):
        return signal.to(device), None
    if not isinstance(signal, (tuple, list)) or len(signal) != 2:
        raise ValueError(
            "distillation() takes waveforms [batch, samples], or them and "
            "their relative lengths, such as batch.noisy_sig; not "
            f"{type(signal).__name__}."
        )
    return signal[0].to(device), signal[1].to(device)
