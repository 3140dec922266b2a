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


class FeatureDistillation(nn.Module):
    """The mean of a loss over pairs of taps, in the place of a
    ``distillation_loss``.

    It reads what student and teacher computed in their last forward pass: the
    teacher must have run in the same step, on the same batch. Adapters between
    their features are its parameters: give it to the Brain as a module too,
    ``features: !ref <distillation_loss>``, so that they are trained. They
    are no part of the student.

    Arguments
    ---------
    student, teacher : torch.nn.Module
        Networks with taps, see `dispatch_sb.models.taps.Taps`; the teacher
        may be wrapped in a `FrozenTeacher`.
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
        ONNX file, or features do not fit each other.

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

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        taps: Mapping[str, str | Sequence[str]],
        loss: Callable[..., FeatureLoss],
    ):
        super().__init__()
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
        shapes = [
            _channels(network, recorder, rate)
            for network, recorder in (
                (student, self.student),
                (teacher, self.teacher),
            )
        ]
        self.losses = nn.ModuleList(
            _make(loss, shapes[0][tap], shapes[1][names[0]])
            for tap, names in self.taps.items()
        )

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
                "recorded?)."
            )
        values = []
        for (tap, names), loss in zip(self.taps.items(), self.losses):
            others = [known[name] for name in names]
            try:
                values.append(
                    loss(
                        own[tap], others if len(names) > 1 else others[0], lens
                    )
                )
            except ValueError as error:
                raise ValueError(
                    f"{tap} and {', '.join(names)}: {error}"
                ) from error
        return torch.stack(values).mean()


@torch.no_grad()
def _channels(network: nn.Module, taps: Taps, rate: int) -> dict[str, int]:
    """Channels of a network's features, found on a quarter of a second."""
    training = network.training
    device = next((p.device for p in network.parameters()), "cpu")
    network.eval()(torch.zeros(1, rate // 4, device=device))
    network.train(training)
    return {name: features.shape[1] for name, features in taps.read().items()}


def _make(loss: Callable, student: int, teacher: int) -> FeatureLoss:
    """A loss with adapters of the right size."""
    if "student_channels" in inspect.signature(loss).parameters:
        return loss(student_channels=student, teacher_channels=teacher)
    return loss()
