"""How much faster the DFKD + MSSP loss is than the algorithm as published,
forward and backward, both timed in one run.

The rival, `published_dfkd`, restates the published algorithm step by step:
complex spectra `[batch, bins, frames]`, patches by padding and reshaping, and a
loop over the batch that waits for the count and threshold of each utterance
and band. Before anything is timed, it must give what `official.dfkd` gives: the
values of the published functions.

    python benchmarks/loss.py             # as it comes
    python benchmarks/loss.py --compile   # and through torch.compile

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


def speechlike(batch, samples, device):
    """Student, teacher, clean `[batch, samples]`: modulated noise with the
    tilt of speech, and two noisy versions of it."""
    torch.manual_seed(0)
    time_axis = torch.arange(samples) / 16000
    envelope = 0.05 + torch.sin(torch.pi * 1.3 * time_axis) ** 2
    white = 0.1 * envelope * torch.randn(batch, 1, samples)
    tilt = 0.85 ** torch.arange(64.0).flip(0)
    clean = torch.nn.functional.conv1d(
        torch.nn.functional.pad(white, (63, 0)), tilt[None, None]
    )[:, 0]
    student = clean + 0.05 * torch.randn_like(clean)
    teacher = clean + 0.03 * torch.randn_like(clean)
    return [x.to(device) for x in (student, teacher, clean)]


def seconds_of(loss, student, teacher, clean):
    """Forward and backward once, in seconds."""
    student = student.detach().requires_grad_()
    start = time.perf_counter()
    loss(student, teacher, clean).backward()
    if student.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(contestants, signals, rounds):
    """Seconds of every contestant in every round, one after the other within
    a round, so that all meet the same disturbances."""
    taken = {name: [] for name in contestants}
    for warm_up in [True] * 2 + [False] * rounds:
        for name, loss in contestants.items():
            seconds = seconds_of(loss, *signals)
            if not warm_up:
                taken[name].append(seconds)
    return taken


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--batch", type=int, default=16, help="utterances (default 16)")
    add("--seconds", type=float, default=4.0, help="of each (default 4)")
    add("--rounds", type=int, default=15, help="timed (default 15)")
    add("--threads", type=int, default=1, help="CPU threads (default 1)")
    add("--device", default="cpu", help="cpu or cuda (default cpu)")
    add("--compile", action="store_true", help="time torch.compile(loss) too")
    add("--at-least", type=float, help="fail below this ratio, uncompiled")
    return parser.parse_args()


def main():
    """Checks, measures, prints."""
    options = arguments()
    torch.set_num_threads(options.threads)
    samples = round(16000 * options.seconds)
    signals = speechlike(options.batch, samples, options.device)
    torch.testing.assert_close(
        published_dfkd(*signals), official.dfkd()(*signals)
    )
    ours = DistillationLoss(DFKD(beta=0.5, patch_bins=(10, 40)), TopGap(0.8))
    contestants = {"published": published_dfkd, "dispatch-sb": ours}
    if options.compile:
        contestants["dispatch-sb, compiled"] = torch.compile(ours)
    taken = measure(contestants, signals, options.rounds)
    print(
        f"DFKD + MSSP, forward + backward, batch {options.batch} x "
        f"{options.seconds:g} s, {options.device}, threads: {options.threads}, "
        f"torch {torch.__version__}, median of {options.rounds} rounds"
    )
    ratios = {}
    for name, seconds in taken.items():
        pairs = zip(taken["published"], seconds)
        ratios[name] = statistics.median(a / b for a, b in pairs)
        milliseconds = 1000 * statistics.median(seconds)
        print(f"{name:24s}{milliseconds:8.1f} ms{ratios[name]:8.2f} x")
    if options.at_least and ratios["dispatch-sb"] < options.at_least:
        raise SystemExit(
            f"{ratios['dispatch-sb']:.2f} x is below {options.at_least} x"
        )


if __name__ == "__main__":
    main()
