"""The distillation loss once more, written for reading: one utterance, one
patch, one bin at a time, in float64 and without torch."""

import math

import numpy as np


def spectrum(signal, n_fft, hop):
    """Complex `[frames, bins]` of one utterance."""
    padded = np.pad(signal, n_fft // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    starts = range(0, len(padded) - n_fft + 1, hop)
    return np.array(
        [np.fft.rfft(padded[s : s + n_fft] * window) for s in starts]
    )


def split_bin(magnitudes):
    """DFKD's border in one frame of the teacher."""
    best, best_rise, highest = 0, -1.0, magnitudes[0]
    for f in range(len(magnitudes) - 1):
        following = max(highest, magnitudes[f + 1])
        rise = (following - highest) / (highest + 1e-8)
        if rise > best_rise:
            best, best_rise = f, rise
        highest = following
    return best


def fixed_layout(edges_hz, patch_bins, bins, bin_hz):
    """Per band: first bin, last bin, patch size, and which bins it holds."""
    starts = [0] + [math.ceil(e / bin_hz) for e in edges_hz] + [bins]
    return [
        (low, high - 1, size, lambda frame, f: True)
        for low, high, size in zip(starts, starts[1:], patch_bins)
    ]


def adaptive_layout(teacher, patch_bins):
    """The same for DFKD's two bands."""
    bins = teacher.shape[1]
    split = [split_bin(abs(frame)) for frame in teacher]
    return [
        (0, bins - 1, patch_bins[0], lambda frame, f: f <= split[frame]),
        (0, bins - 1, patch_bins[1], lambda frame, f: f >= split[frame]),
    ]


def patches(layout, frames, patch_frames):
    """Cells (frame, bin) of every patch of one band, and those it holds."""
    first, last, size, holds = layout
    for row in range(0, frames, patch_frames):
        for start in range(first, last + 1, size):
            cells = [
                (t, f)
                for t in range(row, min(row + patch_frames, frames))
                for f in range(start, min(start + size, last + 1))
            ]
            yield cells, {cell for cell in cells if holds(*cell)}


def binwise(per_bin):
    """Distance of a patch that is the mean over its bins."""

    def distance(a, b, cells, held, index, floor):
        values = [per_bin(a[c], b[c]) if c in held else 0.0 for c in cells]
        return sum(values) / len(cells)

    return distance


def dfkd(beta):
    """Distance of a patch for DFKD; the first band is cosine alone."""
    square = binwise(lambda a, b: (abs(a) - abs(b)) ** 2)

    def distance(a, b, cells, held, index, floor):
        product = floor + sum((a[c] * b[c].conjugate()).real for c in held)
        energies = [floor + sum(abs(x[c]) ** 2 for c in held) for x in (a, b)]
        cosine = 1 - product / math.sqrt(energies[0] * energies[1])
        if index == 0:
            return cosine
        mean = square(a, b, cells, held, index, floor)
        return beta * cosine + (1 - beta) * mean

    return distance


def top(ratio, positive=False):
    """The published rule, and the same for positive scores alone."""

    def weights(scores):
        quota = max(int(ratio * len(scores)), 1)
        last = sorted(scores, reverse=True)[quota - 1]
        return [float(s >= last and (s > 0 or not positive)) for s in scores]

    return weights


def soft(temperature):
    """The sigmoid of the score relative to the scores' root mean square."""

    def weights(scores):
        spread = math.sqrt(sum(s * s for s in scores) / len(scores)) or 1.0
        return [1 / (1 + math.exp(-s / temperature / spread)) for s in scores]

    return weights


def utterance_loss(student, teacher, clean, distance, weights, layouts, rows):
    """Loss of one utterance from complex spectra `[frames, bins]`."""
    floor = 1e-4 * (abs(teacher) ** 2).max() + 1e-16
    total = 0.0
    for index, layout in enumerate(layouts):
        scores, distances = [], []
        for cells, held in patches(layout, len(teacher), rows):
            if held:
                rest = (cells, held, index, floor)
                scores.append(
                    distance(student, clean, *rest)
                    - distance(teacher, clean, *rest)
                )
                distances.append(distance(student, teacher, *rest))
        kept = weights(scores)
        if sum(kept):
            total += np.dot(kept, distances) / sum(kept)
    return total
