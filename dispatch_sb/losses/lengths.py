"""Relative lengths become counts of samples and frames, and means stop where
an utterance ends: what lies beyond its end never matters.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch

from dispatch_sb.losses.once import once


@once
def sample_counts(
    lens: torch.Tensor | None, signal: torch.Tensor
) -> torch.Tensor | None:
    """SpeechBrain's relative lengths -> samples of each utterance.

    Arguments
    ---------
    lens : torch.Tensor, optional
        Length of each utterance relative to the padded batch, `[batch]`.
    signal : torch.Tensor
        The padded batch, `[batch, samples]`.

    Returns
    -------
    torch.Tensor
        `[batch]` int64, from 0 to `samples`; None without `lens`.

    Raises
    ------
    ValueError
        If there is not one length for each utterance.

    Example
    -------
    >>> sample_counts(torch.tensor([1.0, 0.5]), torch.zeros(2, 16000))
    tensor([16000,  8000])
    """
    if lens is None:
        return None
    batch, samples = signal.shape
    if lens.shape != (batch,):
        raise ValueError(
            f"lens must hold one relative length for each of the {batch} "
            f"utterances, not have the shape {tuple(lens.shape)}."
        )
    return (lens * samples).round().long().clamp(0, samples)


def frame_counts(samples: torch.Tensor | None, hop: int) -> torch.Tensor | None:
    """Centred frames of utterances of so many samples, `[batch]` int64; an
    empty utterance has none. None stays None.

    Arguments
    ---------
    samples : torch.Tensor, optional
        Samples of each utterance, `[batch]` int64.
    hop : int
        Samples between frames.

    Returns
    -------
    torch.Tensor

    Example
    -------
    >>> frame_counts(torch.tensor([16000, 8000, 0]), hop=128)
    tensor([126,  63,   0])
    """
    return None if samples is None else (samples // hop + 1) * (samples > 0)


def inside_mask(counts: torch.Tensor, total: int) -> torch.Tensor:
    """True for the samples, or frames, inside each utterance.

    Arguments
    ---------
    counts : torch.Tensor
        Samples, or frames, of each utterance, `[batch]` int64.
    total : int
        Those of the padded batch.

    Returns
    -------
    torch.Tensor
        `[batch, total]` bool.

    Example
    -------
    >>> inside_mask(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(total, device=counts.device) < counts[:, None]


def cut_beyond(
    value: torch.Tensor, counts: torch.Tensor | None
) -> torch.Tensor:
    """Zero beyond the end of each utterance, whatever was there.

    Arguments
    ---------
    value : torch.Tensor
        Per sample or frame, `[batch, total]`.
    counts : torch.Tensor, optional
        Samples or frames of each utterance, `[batch]` int64.

    Returns
    -------
    torch.Tensor
        `[batch, total]`.

    Example
    -------
    >>> cut_beyond(torch.ones(1, 3), torch.tensor([2]))
    tensor([[1., 1., 0.]])
    """
    if counts is None:
        return value
    return value.masked_fill(~inside_mask(counts, value.shape[1]), 0.0)


def mean_inside(
    value: torch.Tensor, counts: torch.Tensor | None
) -> torch.Tensor:
    """Mean of each utterance over its own samples or frames.

    Arguments
    ---------
    value : torch.Tensor
        Per sample or frame, `[batch, total]`.
    counts : torch.Tensor, optional
        Samples or frames of each utterance, `[batch]` int64.

    Returns
    -------
    torch.Tensor
        `[batch]`; 0 for an empty utterance.

    Example
    -------
    >>> mean_inside(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([2]))
    tensor([2.])
    """
    if counts is None:
        return value.mean(1)
    return cut_beyond(value, counts).sum(1) / counts.clamp(min=1)


def reduced(value: torch.Tensor, reduction: str) -> torch.Tensor:
    """Values of utterances as they are ("batch") or their mean ("mean").

    Arguments
    ---------
    value : torch.Tensor
        `[batch]`.
    reduction : str
        "batch" or "mean".

    Returns
    -------
    torch.Tensor
        `[batch]` or scalar.

    Raises
    ------
    ValueError
        If the reduction is neither.

    Example
    -------
    >>> reduced(torch.tensor([1.0, 2.0]), "mean")
    tensor(1.5000)
    """
    if reduction not in ("mean", "batch"):
        raise ValueError(f'reduction="{reduction}" must be "mean" or "batch".')
    return value.mean() if reduction == "mean" else value
