"""Distillation of features: what happens inside the student is compared with
what happens inside the teacher.

Features are ``[batch, channels, frames, bins]``. Student and teacher may have
different numbers of channels, but not of frames.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from dispatch_sb.losses.all_processes import gathered
from dispatch_sb.losses.lengths import inside_mask, mean_inside, sample_counts
from dispatch_sb.losses.precision import without_autocast


class FeatureLoss(nn.Module):
    """What the losses below share: checks, float32, and frames that lie beyond
    the end of an utterance count for nothing.

    Subclasses give ``compare(student, teacher, inside)`` of float32 features
    and of a mask ``[batch, frames]``, which returns a scalar.
    """

    def forward(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor | Sequence[torch.Tensor],
        lens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss of a batch.

        Arguments
        ---------
        student : torch.Tensor
            ``[batch, channels, frames, bins]``; it alone gets gradient.
        teacher : torch.Tensor or sequence of torch.Tensor
            ``[batch, any, frames, any]``; several for losses across layers.
        lens : torch.Tensor, optional
            Length of each utterance relative to the batch, ``[batch]``.

        Returns
        -------
        torch.Tensor
            Float32 scalar.

        Raises
        ------
        ValueError
            If they are no features of one batch with one number of frames.
        """
        several = not isinstance(teacher, torch.Tensor)
        given = [student, *(teacher if several else [teacher])]
        shapes = [tuple(features.shape) for features in given]
        if any(len(shape) != 4 for shape in shapes):
            raise ValueError(
                "Features must be [batch, channels, frames, bins], not "
                f"{', '.join(map(str, shapes))}."
            )
        if len({(shape[0], shape[2]) for shape in shapes}) > 1:
            raise ValueError(
                "Features of student and teacher must have one batch and one "
                f"number of frames: the student has {shapes[0]}, the teacher "
                f"{', '.join(map(str, shapes[1:]))}. Choose taps of networks "
                "with one hop."
            )
        frames = student.shape[2]
        counts = sample_counts(lens, student[:, 0, :, 0])
        if counts is None:
            counts = torch.full((len(student),), frames, device=student.device)
        with without_autocast(student):
            inside = inside_mask(counts, frames)
            first, *others = [
                features.float().masked_fill(~inside[:, None, :, None], 0.0)
                for features in given
            ]
            others = [features.detach() for features in others]
            return self.compare(first, others if several else others[0], inside)


class Hint(FeatureLoss):
    """FitNets (arXiv 1412.6550, eq. 3): the mean squared difference between
    the teacher's features and the student's, brought to the teacher's channels
    by a convolution of kernel 1 that is trained and thrown away.

    Where the bins differ, the student's are interpolated linearly.

    Arguments
    ---------
    student_channels, teacher_channels : int
        Channels of the features.

    Example
    -------
    >>> hint = Hint(8, 24)
    >>> hint(torch.randn(2, 8, 50, 16), torch.randn(2, 24, 50, 64)).backward()
    >>> hint.adapter.weight.grad.shape
    torch.Size([24, 8, 1, 1])
    """

    def __init__(self, student_channels: int, teacher_channels: int):
        super().__init__()
        self.adapter = nn.Conv2d(student_channels, teacher_channels, 1)

    def compare(self, student, teacher, inside):
        """See `FeatureLoss`.

        Arguments
        ---------
        student, teacher, inside : torch.Tensor
            See `FeatureLoss`.
        """
        student = self.adapter(student)
        if student.shape[3] != teacher.shape[3]:
            size = (student.shape[2], teacher.shape[3])
            student = functional.interpolate(
                student, size, mode="bilinear", align_corners=False
            )
        distance = (student - teacher).square().mean((1, 3))
        return mean_inside(distance, inside.sum(1)).mean()


class SimilarityPreserving(FeatureLoss):
    """SPKD (arXiv 1907.09682, eq. 2 to 4): which utterances of a batch are
    alike for the teacher shall be alike for the student.

    The products of all pairs of flattened features, ``[batch, batch]``, each
    row divided by its norm; the mean of their squared differences. Processes
    that train together compare with the utterances of all.

    Example
    -------
    >>> student = torch.randn(4, 8, 50, 16)
    >>> float(SimilarityPreserving()(student, student))
    0.0
    """

    compares_utterances = True  # a batch cannot be split

    def compare(self, student, teacher, inside):
        """See `FeatureLoss`.

        Arguments
        ---------
        student, teacher, inside : torch.Tensor
            See `FeatureLoss`.
        """
        training = student.requires_grad
        own, known = (
            similarity(rows, gathered(rows) if training else rows)
            for rows in (student.flatten(1), teacher.flatten(1))
        )
        return (own - known).square().mean()


class CrossLayerSimilarity(FeatureLoss):
    """CLSKD, after Cheng et al., "Cross-Layer Similarity Knowledge
    Distillation for Speech Enhancement", Interspeech 2022: which frames (or
    bins) of an utterance are alike, in several layers of the teacher at once.

    The products of all pairs of frames, ``[frames, frames]`` per utterance,
    each row divided by its norm, as in SPKD; the student is compared with the
    mean over the teacher's layers, so that no features need adapting. How the
    paper weights the layers could not be read here: they count alike.

    Arguments
    ---------
    axis : str
        "time": frames are compared; "frequency": bins, of which student and
        teacher must then have equally many; "both": the mean of the two.

    Raises
    ------
    ValueError
        If the axis is none of these.

    Example
    -------
    >>> student = torch.randn(2, 8, 50, 16)
    >>> teacher = [torch.randn(2, 24, 50, 64), torch.randn(2, 48, 50, 32)]
    >>> CrossLayerSimilarity("time")(student, teacher).shape
    torch.Size([])
    """

    AXES = {"time": [2], "frequency": [3], "both": [2, 3]}

    def __init__(self, axis: str = "time"):
        super().__init__()
        if axis not in self.AXES:
            raise ValueError(
                f"axis={axis!r} must be one of {', '.join(self.AXES)}."
            )
        self.axis = axis

    def compare(self, student, teacher, inside):
        """See `FeatureLoss`.

        Arguments
        ---------
        student, teacher, inside : torch.Tensor
            See `FeatureLoss`; the teacher's may be a list.
        """
        layers = [teacher] if isinstance(teacher, torch.Tensor) else teacher
        bins = [features.shape[3] for features in (student, *layers)]
        if self.axis != "time" and len(set(bins)) > 1:
            raise ValueError(
                f"axis={self.axis!r} compares bins, of which student and "
                f"teacher have {', '.join(map(str, bins))}: choose taps with "
                'equally many, or axis="time".'
            )
        terms = []
        for axis in self.AXES[self.axis]:
            own = similarity(_rows(student, axis))
            known = sum(similarity(_rows(x, axis)) for x in layers)
            distance = (own - known / len(layers)).square()
            if axis == 2:  # rows of frames beyond the end are zero
                frames = inside.sum(1).clamp(min=1)
                terms.append((distance.sum((1, 2)) / frames.square()).mean())
            else:
                terms.append(distance.mean())
        return sum(terms) / len(terms)


def similarity(
    rows: torch.Tensor, others: torch.Tensor | None = None
) -> torch.Tensor:
    """Products of all pairs of rows, each row of products of norm 1.

    Arguments
    ---------
    rows : torch.Tensor
        ``[..., rows, values]``.
    others : torch.Tensor, optional
        What they are multiplied with, ``[..., others, values]``; by default
        themselves.

    Returns
    -------
    torch.Tensor
        ``[..., rows, others]``; a row of zeros stays zero.

    Example
    -------
    >>> similarity(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[1., 0.],
            [0., 0.]])
    """
    others = rows if others is None else others
    return functional.normalize(rows @ others.mT, dim=-1)


def _rows(features, axis):
    """Frames (2) or bins (3) as rows, all else as their values."""
    return features.movedim(axis, 1).flatten(2)
