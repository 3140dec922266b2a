"""How much faster the DFKD + MSSP loss is than the algorithm as published,
forward and backward, both timed in one run.

The rival, `published_dfkd`, restates the published algorithm step by step:
complex spectra `[batch, bins, frames]`, patches by padding and reshaping, and a
loop over the batch that waits for the threshold of each utterance and band.
Its value is checked against `official.dfkd` before anything is timed.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import statistics
import time

import torch

from dispatch_sb.losses import DFKD, DistillationLoss, TopGap, official

EPS = 1e-8


def published_dfkd(
    student, teacher, clean, beta=0.5, ratio=0.8, patch_bins=(10, 40)
):
    """The published loss, plainly: waveforms `[batch, samples]` -> scalar."""
    window = torch.hann_window(512, device=student.device)
    spectra = [
        torch.stft(x, 512, 128, window=window, return_complex=True)
        for x in (student, teacher, clean)
    ]
    magnitudes = [spectrum.abs() for spectrum in spectra]
    highest = magnitudes[1].cummax(dim=1).values
    rise = (highest[:, 1:] - highest[:, :-1]) / (highest[:, :-1] + EPS)
    split = rise.argmax(dim=1, keepdim=True)  # [batch, 1, frames]
    bins = torch.arange(257, device=student.device)[None, :, None]
    low = _band_loss(
        spectra, magnitudes, bins <= split, 1.0, ratio, patch_bins[0]
    )
    high = _band_loss(
        spectra, magnitudes, bins >= split, beta, ratio, patch_bins[1]
    )
    return high + low


def _band_loss(spectra, magnitudes, mask, beta, ratio, size):
    """Mean over the selected patches of one band of the whole batch; of the
    lists, student, teacher and clean."""
    student, teacher, clean = (
        (
            _patches(spectrum * mask, size),
            _patches(magnitude * mask, size) if beta < 1 else None,
        )
        for spectrum, magnitude in zip(spectra, magnitudes)
    )
    gap = _distance(student, clean, beta) - _distance(teacher, clean, beta)
    candidate = _patches(mask, size).any(dim=2)
    selected = torch.zeros_like(candidate)
    for index in range(len(gap)):
        scores = gap[index][candidate[index]]
        quota = max(int(ratio * candidate[index].sum().item()), 1)
        threshold = scores.topk(quota).values.min()
        selected[index] = (gap[index] >= threshold) & candidate[index]
    distance = _distance(student, teacher, beta) * selected
    return distance.sum() / selected.sum()


def _patches(plane, size):
    """`[batch, bins, frames] -> [batch, patches, size, frames]`, zeros at the
    end."""
    batch, bins, frames = plane.shape
    count = -(-bins // size)
    missing = plane.new_zeros(batch, count * size - bins, frames)
    return torch.cat([plane, missing], 1).view(batch, count, size, frames)


def _distance(first, second, beta):
    """beta * cosine distance + (1 - beta) * magnitude MSE of every patch,
    `[batch, patches, frames]`; of the pairs, spectrum and magnitude."""
    a, b = first[0], second[0]
    product = (a.real * b.real + a.imag * b.imag).sum(dim=2)
    norm_a, norm_b = (
        ((x.real**2 + x.imag**2).sum(dim=2) + EPS).sqrt() for x in (a, b)
    )
    cosine = 1 - product / (norm_a * norm_b + EPS)
    if beta == 1:
        return cosine
    square = ((first[1] - second[1]) ** 2).mean(dim=2)
    return beta * cosine + (1 - beta) * square
