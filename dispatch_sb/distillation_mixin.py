"""Distillation for Brains that exist already: one line of their
`compute_objectives` adds the loss, the mixin does the rest.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping

import speechbrain as sb
import torch
from speechbrain.utils.logger import get_logger

from dispatch_sb.teachers.frozen import FrozenTeacher

logger = get_logger(__name__)

NEEDED = ("teacher", "distillation_loss", "distillation_weight")


class TermAverages:
    """Means of named loss terms, summed on their device.

    Example
    -------
    >>> averages = TermAverages()
    >>> averages.add({"loss": torch.tensor(1.0)})
    >>> averages.add({"loss": torch.tensor(3.0)})
    >>> averages.summary()
    {'loss': 2.0}
    """

    def __init__(self):
        self.sums: dict = {}
        self.steps = 0

    def add(self, terms: Mapping[str, torch.Tensor]) -> None:
        """Adds the terms of one step, without waiting for the device.

        Arguments
        ---------
        terms : Mapping[str, torch.Tensor]
            Scalars.
        """
        self.steps += 1
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach().float()

    def summary(self) -> dict[str, float]:
        """Means so far, as plain floats.

        Returns
        -------
        dict[str, float]
            One mean per term.
        """
        return {
            name: float(total) / self.steps for name, total in self.sums.items()
        }


class DistillationMixin:
    """Gives a Brain `self.distillation(enhanced, noisy, clean)`, the weighted
    distillation loss to add to its own; stands first among the base classes.

    It reads three hyperparameters. ``teacher``: maps noisy waveforms
    ``[batch, samples]`` to enhanced ones; it may stand among the modules too.
    ``distillation_loss``: a `dispatch_sb.losses.DistillationLoss`.
    ``distillation_weight``: a number of 0 or more; with 0 the Brain trains as
    if there were no mixin, the teacher is not run, and the other two are not
    needed. It is read in every step, so a schedule may change it.

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
        As for ``speechbrain.Brain``, with the three above.
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
    ...         "distillation_weight": 0.3,
    ...     },
    ... )
    >>> brain.modules.teacher.train().training
    False
    """

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
        if getattr(teacher, "live", teacher is not None) and not isinstance(
            teacher, FrozenTeacher
        ):
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
            Relative lengths ``[batch]``, where neither comes with them.
        teacher : torch.Tensor or tuple, optional
            The teacher's waveforms where they are recorded, likewise.

        Returns
        -------
        torch.Tensor
            Float32 scalar, ``distillation_weight`` included, computed in
            float32 under autocast too; 0 if the weight is 0.

        Raises
        ------
        ValueError
            If a hyperparameter is missing, or the signals do not fit.
        """
        self.check_distillation()
        weight = self.hparams.distillation_weight
        if weight == 0:
            return torch.zeros((), device=enhanced.device)
        noisy, noisy_lens = _waveforms(noisy, enhanced.device)
        clean, clean_lens = _waveforms(clean, enhanced.device)
        for given in (clean_lens, noisy_lens):
            lens = given if lens is None else lens
        if teacher is None:
            teacher = self.modules.teacher(noisy)
        else:
            teacher, _ = _waveforms(teacher, enhanced.device)
        loss, detail = self.hparams.distillation_loss(
            enhanced,
            teacher,
            clean,
            lens,
            return_detail=True,
        )
        terms = {"distillation": loss}
        for band, maps in detail.items():
            terms[f"selected_share_{band}"] = maps["selected_share"].mean()
            terms[f"mean_gap_{band}"] = maps["mean_gap"].mean()
        self.distillation_averages.add(terms)
        return weight * loss

    def distillation_summary(self) -> dict[str, float]:
        """The stage's means, for the Brain's own log; the next begin anew.

        Returns
        -------
        dict[str, float]
            ``distillation`` (before its weight), and for each band
            ``selected_share_<band>`` and ``mean_gap_<band>``; of this process'
            share of the data. Empty if nothing was distilled.
        """
        summary = self.distillation_averages.summary()
        self.distillation_averages = TermAverages()
        return summary

    def check_distillation(self) -> None:
        """Raises ValueError unless the hyperparameters are complete."""
        given = vars(self.hparams)
        weight = given.get("distillation_weight")
        if weight == 0:
            return
        if self.distils:
            given = {**given, "teacher": self.modules.teacher}
        missing = [name for name in NEEDED if given.get(name) is None]
        if missing:
            raise ValueError(
                f"{type(self).__name__} distils, but its hyperparameters lack "
                f"{' and '.join(missing)}: add what is missing to the YAML, or "
                "distillation_weight: 0 to train without a teacher."
            )
        if isinstance(weight, str) or not weight > 0:
            raise ValueError(
                f"distillation_weight: {weight} must be a number, 0 or more."
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


def _waveforms(signal, device):
    """Waveforms ``[batch, samples]`` on the device, and lengths or None."""
    if isinstance(signal, torch.Tensor):
        return signal.to(device), None
    if not isinstance(signal, (tuple, list)) or len(signal) != 2:
        raise ValueError(
            "distillation() takes waveforms [batch, samples], or them and "
            "their relative lengths, such as batch.noisy_sig; not "
            f"{type(signal).__name__}."
        )
    return signal[0].to(device), signal[1].to(device)
