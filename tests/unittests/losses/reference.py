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


def bands(teacher, edges_hz, patch_bins, bin_hz):
    """Per band: first bin, last bin, patch size, and which bins it holds;
    without edges DFKD's two bands."""
    bins = teacher.shape[1]
    if edges_hz is None:
        split = [split_bin(abs(frame)) for frame in teacher]
        holds = (lambda n, f: f <= split[n]), (lambda n, f: f >= split[n])
        return [(0, bins - 1, *own) for own in zip(patch_bins, holds)]
    starts = [0] + [math.ceil(e / bin_hz) for e in edges_hz] + [bins]
    return [
        (low, high - 1, size, lambda n, f: True)
        for low, high, size in zip(starts, starts[1:], patch_bins)
    ]


def patches(band, frames, patch_frames):
    """Cells (frame, bin) of every patch of one band, and those it holds."""
    first, last, size, holds = band
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


def dfkd(a, b, cells, held, index, floor):
    """Distance of a patch for DFKD; the first band is cosine alone."""
    product = floor + sum((a[c] * b[c].conjugate()).real for c in held)
    energies = [floor + sum(abs(x[c]) ** 2 for c in held) for x in (a, b)]
    cosine = 1 - product / math.sqrt(energies[0] * energies[1])
    if index == 0:
        return cosine
    mean = DISTANCES["MagnitudeL2"](a, b, cells, held, index, floor)
    return 0.5 * cosine + 0.5 * mean


def top(ratio, positive=False):
    """The published rule, and the same for positive scores alone."""

    def weights(scores):
        quota = max(int(ratio * len(scores)), 1)
        last = sorted(scores, reverse=True)[quota - 1]
        return [float(s >= last and (s > 0 or not positive)) for s in scores]

    return weights


def soft(scores):
    """The sigmoid of the score relative to the scores' root mean square."""
    spread = math.sqrt(sum(s * s for s in scores) / len(scores)) or 1.0
    return [1 / (1 + math.exp(-s / 0.7 / spread)) for s in scores]


DISTANCES = {
    "MagnitudeL2": binwise(lambda a, b: (abs(a) - abs(b)) ** 2),
    "MagnitudeL1": binwise(lambda a, b: abs(abs(a) - abs(b))),
    "LogMagnitude": binwise(
        lambda a, b: math.log((abs(a) + 1e-3) / (abs(b) + 1e-3)) ** 2
    ),
    "CompressedMagnitude": binwise(
        lambda a, b: ((abs(a) + 1e-4) ** 0.3 - (abs(b) + 1e-4) ** 0.3) ** 2
    ),
    "ComplexL2": binwise(lambda a, b: abs(a - b) ** 2),
    "DFKD": dfkd,
}
RULES = {
    "none": lambda scores: [1.0] * len(scores),
    "top": top(0.6),
    "positive": lambda scores: [float(s > 0) for s in scores],
    "top positive": top(0.8, positive=True),
    "soft": soft,
}


def utterance_loss(student, teacher, clean, distance, weights, bands, rows):
    """Of one utterance's complex spectra `[frames, bins]`, the loss, and per
    band the scores and weights of its candidates."""
    floor = 1e-4 * (abs(teacher) ** 2).max() + 1e-16
    total, maps = 0.0, []
    for index, band in enumerate(bands):
        scores, distances = [], []
        for cells, held in patches(band, len(teacher), rows):
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
        maps.append((scores, kept))
    return total, maps
