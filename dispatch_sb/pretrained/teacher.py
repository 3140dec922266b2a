"""What a training asks of every teacher, and the teacher that is none: the
clean speech itself.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path

import torch
from torch import nn


class Teacher(nn.Module):
    """Whoever a student learns from: one that runs, or whose answers are known.

    Arguments
    ---------
    sample_rate : int
        Of the data, in Hz.

    Attributes
    ----------
    live : bool
        Whether it enhances whatever it is given.
    origin : dict
        Where it came from: ``source``, and ``revision``, a commit or None.
    """

    live = True

    def __init__(self, sample_rate: int = 16000):
        super().__init__()
        self.sample_rate = sample_rate
        self.origin: dict = {}

    def answer(
        self,
        noisy: torch.Tensor,
        clean: torch.Tensor,
        known: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """What is to be copied.

        Arguments
        ---------
        noisy, clean : torch.Tensor
            Waveforms ``[batch, samples]``.
        known : torch.Tensor, optional
            Its answer, if that came with the batch: it is not run then.

        Returns
        -------
        torch.Tensor or None
            ``[batch, samples]``; None if it has answers to files alone, and
            none came.
        """
        return self(noisy) if known is None else known

    def recording_of(self, noisy_path: str | os.PathLike) -> Path | None:
        """The recorded answer to a noisy file.

        Arguments
        ---------
        noisy_path : str or os.PathLike
            The noisy file.

        Returns
        -------
        pathlib.Path or None
            None if there is none.
        """
        return None


class CleanTeacher(Teacher):
    """Clean speech in the teacher's place: what a distillation loss does by
    itself, without anything that a teacher knows.

    A control for comparisons; it cannot enhance.

    Arguments
    ---------
    sample_rate : int
        Of the data, in Hz.

    Example
    -------
    >>> teacher = CleanTeacher()
    >>> clean = torch.ones(2, 100)
    >>> teacher.answer(clean + 1, clean) is clean, teacher.live
    (True, False)
    """

    live = False

    def __init__(self, sample_rate: int = 16000):
        super().__init__(sample_rate)
        self.origin = {"source": "clean", "revision": None}

    def answer(
        self,
        noisy: torch.Tensor,
        clean: torch.Tensor,
        known: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The clean speech.

        Arguments
        ---------
        noisy, clean : torch.Tensor
            Waveforms ``[batch, samples]``.
        known : torch.Tensor, optional
            What is to be copied instead, if that came with the batch.

        Returns
        -------
        torch.Tensor
            ``clean``, or what is known.
        """
        return clean if known is None else known

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Raises RuntimeError: there is no network.

        Arguments
        ---------
        noisy : torch.Tensor
            Unused.
        """
        raise RuntimeError(
            "The teacher is the clean speech itself (teacher_source: clean), "
            "which cannot enhance other speech."
        )
