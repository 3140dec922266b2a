"""Every host with every rule gives what the slow reference gives."""

import numpy as np
import pytest
import reference
import torch

from dispatch_sb.losses import (
    DFKD,
    ComplexL2,
    CompressedMagnitude,
    DistillationLoss,
    LogMagnitude,
    MagnitudeL1,
    MagnitudeL2,
    PositiveGap,
    SoftGap,
    TopGap,
    TopPositiveGap,
)

N_FFT, HOP, RATE, BINS = 64, 16, 16000, 33
LENGTHS = (400, 257)
HOSTS = {
    "MagnitudeL2": (
        MagnitudeL2,
        reference.binwise(lambda a, b: (abs(a) - abs(b)) ** 2),
    ),
    "MagnitudeL1": (
        MagnitudeL1,
        reference.binwise(lambda a, b: abs(abs(a) - abs(b))),
    ),
    "LogMagnitude": (
        LogMagnitude,
        reference.binwise(
            lambda a, b: np.log((abs(a) + 1e-3) / (abs(b) + 1e-3)) ** 2
        ),
    ),
    "CompressedMagnitude": (
        CompressedMagnitude,
        reference.binwise(
            lambda a, b: ((abs(a) + 1e-4) ** 0.3 - (abs(b) + 1e-4) ** 0.3) ** 2
        ),
    ),
    "ComplexL2": (ComplexL2, reference.binwise(lambda a, b: abs(a - b) ** 2)),
    "DFKD": (DFKD, reference.dfkd(beta=0.5)),
}
RULES = {
    "none": (None, lambda scores: [1.0] * len(scores)),
    "top": (TopGap(0.6), reference.top(0.6)),
    "positive": (
        PositiveGap(),
        lambda scores: [float(s > 0) for s in scores],
    ),
    "top positive": (TopPositiveGap(0.8), reference.top(0.8, positive=True)),
    "soft": (SoftGap(0.7), reference.soft(0.7)),
}
LAYOUTS = {
    "one band": {"patch_bins": 5},
    "three bands": {"patch_bins": (4, 7, 9), "band_edges_hz": (1000, 4100)},
    "several frames": {"patch_bins": 6, "patch_frames": 3},
}


def signals():
    """Student, teacher, clean, float64 [2, 400], garbage beyond the end."""
    rng = np.random.default_rng(7)
    tilt = np.cumsum(rng.standard_normal((2, 400)), axis=1)
    clean = 0.05 * (tilt - tilt.mean(axis=1, keepdims=True))
    student = clean + 0.1 * rng.standard_normal((2, 400))
    teacher = clean + 0.08 * rng.standard_normal((2, 400))
    for signal in (student, teacher, clean):
        signal[1, LENGTHS[1] :] = 7.0
    return student, teacher, clean


def expected(host, rule, options):
    """Loss of each utterance by the reference."""
    values = []
    for row, length in enumerate(LENGTHS):
        spectra = [
            reference.spectrum(x[row, :length], N_FFT, HOP) for x in signals()
        ]
        edges, sizes = options.get("band_edges_hz"), options["patch_bins"]
        if isinstance(sizes, int):
            sizes = (sizes, sizes)
        if host == "DFKD" and edges is None:
            layouts = reference.adaptive_layout(spectra[1], sizes)
        else:
            layouts = reference.fixed_layout(
                edges or (), sizes, BINS, RATE / N_FFT
            )[: len(edges or ()) + 1]
        values.append(
            reference.utterance_loss(
                *spectra,
                HOSTS[host][1],
                RULES[rule][1],
                layouts,
                options.get("patch_frames", 1),
            )
        )
    return values


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("rule", RULES)
def test_every_host_with_every_rule(host, rule, layout):
    options = LAYOUTS[layout]
    loss = DistillationLoss(
        HOSTS[host][0](**options), RULES[rule][0], RATE, N_FFT, HOP
    )
    student, teacher, clean = map(torch.from_numpy, signals())
    lens = torch.tensor(LENGTHS) / 400
    value = loss(student, teacher, clean, lens, reduction="batch")
    np.testing.assert_allclose(value, expected(host, rule, options), rtol=1e-9)


@pytest.mark.parametrize("host", HOSTS)
def test_float32_is_close_to_float64(host):
    loss = DistillationLoss(
        HOSTS[host][0](patch_bins=5), TopGap(0.3), RATE, N_FFT, HOP
    )
    lens = torch.tensor(LENGTHS) / 400
    exact = loss(*map(torch.from_numpy, signals()), lens)
    single = loss(*(torch.from_numpy(x).float() for x in signals()), lens)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=0)
