"""Distillation of what happens inside the networks, as a loss for the mixin.

Authors
 * The dispatch-sb contributors, 2026
"""

import inspect
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from dispatch_sb.losses.features import FeatureLoss
from dispatch_sb.models.taps import Taps
from dispatch_sb.pretrained.teacher import Teacher
from dispatch_sb.pretrained.teacher_group import TeacherGroup


class FeatureDistillation(nn.Module):
    """The mean of a loss over pairs of taps, in the place of a
    ``distillation_loss``.

    It reads what student and teacher computed in their last forward pass: the
    teacher must have run in the same step, on the same batch. Adapters between
    their features are its parameters: give it to the Brain as a module too,
    ``features: !ref <distillation_loss>``, so that they are trained. They
    are no part of the student.

    Features are kept, and compared, in training alone: in evaluation mode, in
    which the Brain sets its modules for validation, nothing is.

    Arguments
    ---------
    student, teacher : torch.nn.Module
        Networks with taps, see `dispatch_sb.models.taps.Taps`, and one hop:
        their frames may differ by one, at the end. The teacher may be wrapped
        in a `FrozenTeacher`.
    taps : mapping
        The student's tap to the teacher's; or to a list of the teacher's, for
        a loss across layers.
    loss : callable
        A class of `dispatch_sb.losses.features`, or what makes one. If it
        takes ``student_channels`` and ``teacher_channels``, it is given them.

    Raises
    ------
    ValueError
        If there is no such tap, a teacher has none since it is recorded or an
        ONNX file, there are several teachers, or features do not fit each
        other: their frames, for instance, are not equally many.

    Example
    -------
    >>> from dispatch_sb.losses.features import Hint
    >>> from dispatch_sb.models import DCCRN
    >>> student, teacher = DCCRN.from_size("small"), DCCRN.from_size("medium")
    >>> loss = FeatureDistillation(
    ...     student, teacher, {"encoder.5": "encoder.5"}, Hint
    ... )
    >>> noisy = torch.randn(2, 4000)
    >>> enhanced, taught = student(noisy), teacher(noisy)
    >>> loss(enhanced, taught, noisy).backward()
    >>> sum(p.numel() for p in loss.parameters())
    7540
    """

    in_training_alone = True  # for the mixin

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        taps: Mapping[str, str | Sequence[str]],
        loss: Callable[..., FeatureLoss],
    ):
        super().__init__()
        if isinstance(teacher, TeacherGroup):
            raise ValueError(
                f"There are {len(teacher.teachers)} teachers, and features "
                "are those of one: name one in teacher_source."
            )
        if isinstance(teacher, Teacher) and not teacher.live:
            raise ValueError(
                f"{type(teacher).__name__} runs no network, so it has no "
                "features: choose a teacher that runs, or a loss on outputs."
            )
        self.taps = {
            tap: [others] if isinstance(others, str) else list(others)
            for tap, others in taps.items()
        }
        if not self.taps or not all(self.taps.values()):
            raise ValueError(
                "taps must name at least one of the student's, and for each "
                f"at least one of the teacher's, not {dict(taps)}."
            )
        self.student = Taps(student, list(self.taps))
        wanted = [name for names in self.taps.values() for name in names]
        self.teacher = Taps(teacher, sorted(set(wanted)))
        rate = getattr(student, "sample_rate", 16000)
        own = _tried_out(student, self.student, list(self.taps), rate)
        known = _tried_out(teacher, self.teacher, wanted, rate)
        self.losses = nn.ModuleList(
            _make(loss, own[tap].shape[1], known[names[0]].shape[1])
            for tap, names in self.taps.items()
        )
        with torch.no_grad():
            self._compare(own, known, None)  # or says what does not fit

    def train(self, mode: bool = True) -> "FeatureDistillation":
        """As of any module; in evaluation mode no features are kept."""
        for taps in (self.student, self.teacher):
            taps.active = mode
            taps.read()
        return super().train(mode)

    def forward(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        clean: torch.Tensor,
        lens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of the batch that both have just enhanced.

        Arguments
        ---------
        student, teacher, clean : torch.Tensor
            Waveforms ``[batch, samples]``: unused, features are compared.
        lens : torch.Tensor, optional
            Relative lengths, ``[batch]``.

        Returns
        -------
        torch.Tensor
            Float32 scalar.

        Raises
        ------
        ValueError
            If one of them has not run, or their frames are unequal.
        """
        del student, teacher, clean
        own, known = self.student.read(), self.teacher.read()
        if not own or not known:
            raise ValueError(
                "Features are compared right after both networks have run: "
                f"the {'teacher' if own else 'student'} has not (is it "
                "recorded, or this loss in evaluation mode?)."
            )
        return self._compare(own, known, lens)

    def _compare(self, own, known, lens):
        """The mean over the pairs of taps; an error names the taps."""
        values = []
        for (tap, names), loss in zip(self.taps.items(), self.losses):
            student, *others = _as_long(own[tap], *(known[x] for x in names))
            others = others if len(names) > 1 else others[0]
            try:
                values.append(loss(student, others, lens))
            except ValueError as error:
                raise ValueError(
                    f"{tap} and {', '.join(names)}: {error}"
                ) from error
        return torch.stack(values).mean()


@torch.no_grad()
def _tried_out(
    network: nn.Module, taps: Taps, names: Sequence[str], rate: int
) -> dict[str, torch.Tensor]:
    """A network's features of a quarter of a second."""
    training = network.training
    device = next((p.device for p in network.parameters()), "cpu")
    network.eval()(torch.zeros(1, rate // 4, device=device))
    network.train(training)
    found = taps.read()
    if idle := sorted(set(names) - found.keys()):
        raise ValueError(
            f"The tap {idle[0]!r} of {type(network).__name__} gives nothing: "
            "its module is not run. Choose another."
        )
    return found


def _as_long(*features: torch.Tensor) -> list[torch.Tensor]:
    """Features without the frame that one transform adds at the end, and
    another does not."""
    counts = [x.shape[2] for x in features]
    least = min(counts)
    return [x[:, :, :least] if max(counts) - least < 2 else x for x in features]


def _make(loss: Callable, student: int, teacher: int) -> FeatureLoss:
    """A loss with adapters of the right size."""
    if "student_channels" in inspect.signature(loss).parameters:
        return loss(student_channels=student, teacher_channels=teacher)
    return loss()
