"""Several teachers of one student: their answers stand side by side, and a loss
on patches chooses among them.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch
from torch import nn

from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.teacher import Teacher


class TeacherGroup(Teacher):
    """Several teachers in the place of one.

    A `DistillationLoss` follows, in every patch, the teacher with the largest
    gap; `OutputDistillation` takes the mean of the distances.

    Arguments
    ---------
    teachers : sequence of torch.nn.Module
        At least two. What is no `Teacher` is frozen, see `FrozenTeacher`.
    sample_rate : int
        Of the data, in Hz.

    Raises
    ------
    ValueError
        If there are fewer than two.

    Example
    -------
    >>> group = TeacherGroup([nn.Identity(), nn.Identity()])
    >>> noisy = torch.ones(3, 100)
    >>> group.answer(noisy, noisy).shape, group(noisy).shape
    (torch.Size([3, 2, 100]), torch.Size([3, 100]))
    """

    def __init__(self, teachers: Sequence[nn.Module], sample_rate: int = 16000):
        super().__init__(sample_rate)
        if len(teachers) < 2:
            raise ValueError(
                f"A group has two teachers or more, not {len(teachers)}: give "
                "the one by itself."
            )
        self.teachers = nn.ModuleList(
            one if isinstance(one, Teacher) else FrozenTeacher(one, sample_rate)
            for one in teachers
        )

    @property
    def live(self) -> bool:
        """Whether all of them enhance whatever they are given."""
        return all(one.live for one in self.teachers)

    @property
    def recorded(self) -> list[RecordedTeacher]:
        """Those whose answers come with the batch, in their order."""
        return [x for x in self.teachers if isinstance(x, RecordedTeacher)]

    def answer(
        self,
        noisy: torch.Tensor,
        clean: torch.Tensor,
        known: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """What each of them gives.

        Arguments
        ---------
        noisy, clean : torch.Tensor
            Waveforms ``[batch, samples]``.
        known : torch.Tensor, optional
            The answers of those that are recorded, as they come with a batch:
            ``[batch, samples]``, or ``[batch, samples, recorded]``.

        Returns
        -------
        torch.Tensor or None
            ``[batch, teachers, samples]``; None without the recordings.

        Raises
        ------
        ValueError
            If there are not as many recordings as recorded teachers.
        """
        count = len(self.recorded)
        if count and known is None:
            return None
        given = []
        if known is not None:
            given = known.unbind(2) if known.dim() == 3 else [known]
        if len(given) != count:
            raise ValueError(
                f"{count} of the teachers are recorded, and a batch holds "
                f"{len(given)} recordings of each utterance."
            )
        recordings = iter(given)
        return torch.stack(
            [
                next(recordings)
                if isinstance(one, RecordedTeacher)
                else one.answer(noisy, clean)
                for one in self.teachers
            ],
            dim=1,
        )

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """The mean of what they give, for what can use one waveform alone.

        Arguments
        ---------
        noisy : torch.Tensor
            Waveforms ``[batch, samples]``.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``.
        """
        return torch.stack([one(noisy) for one in self.teachers]).mean(0)
