"""Clean speech in the teacher's place: what a distillation loss does by
itself, without anything that a teacher knows.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn


class CleanTeacher(nn.Module):
    """A control for comparisons: whoever distils from it copies the clean
    speech of the batch.

    It cannot enhance; the distillation mixin asks it with `answer`.

    Arguments
    ---------
    sample_rate : int
        Of the data, in Hz.

    Example
    -------
    >>> teacher = CleanTeacher()
    >>> clean = torch.ones(2, 100)
    >>> teacher.answer(clean) is clean, teacher.live
    (True, False)
    """

    live = False  # it cannot enhance what it is given

    def __init__(self, sample_rate: int = 16000):
        super().__init__()
        self.sample_rate = sample_rate
        self.origin = {"source": "clean", "revision": None}

    def answer(self, clean: torch.Tensor) -> torch.Tensor:
        """What is to be copied.

        Arguments
        ---------
        clean : torch.Tensor
            Waveforms ``[batch, samples]``.

        Returns
        -------
        torch.Tensor
            The same.
        """
        return clean

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Refuses: there is no network.

        Arguments
        ---------
        noisy : torch.Tensor
            Waveforms ``[batch, samples]``.

        Raises
        ------
        RuntimeError
            Always.
        """
        raise RuntimeError(
            "The teacher is the clean speech itself (teacher_source: clean), "
            "which cannot enhance other speech."
        )
