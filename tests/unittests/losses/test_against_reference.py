"""Every host and every rule give what the slow reference gives."""

import numpy as np
import pytest
import reference
import torch
from cases import PAIRS, RULES, signals

from dispatch_sb import losses

N_FFT, HOP, RATE = 64, 16, 16000
LENGTHS = (400, 257)
LAYOUTS = {
    "one size": {"patch_bins": 5},
    "three bands": {"patch_bins": (4, 7, 9), "band_edges_hz": (1000, 4100)},
    "several frames": {"patch_bins": 6, "patch_frames": 3},
}


def expected(distance, rule, waveforms, layout):
    """Loss, scores and weights of an utterance by the reference."""
    spectra = [reference.spectrum(x, N_FFT, HOP) for x in waveforms]
    own = None if distance == "DFKD" else ()
    edges, sizes = layout.get("band_edges_hz", own), layout["patch_bins"]
    if isinstance(sizes, int):
        sizes = (sizes, sizes)
    return reference.utterance_loss(
        *spectra,
        reference.DISTANCES[distance],
        reference.RULES[rule],
        reference.bands(spectra[1], edges, sizes, RATE / N_FFT),
        layout.get("patch_frames", 1),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "distance, rule", [x for x in PAIRS if x[0] in reference.DISTANCES]
)
def test_every_host_and_every_rule(distance, rule, layout):
    waveforms = [x.double() for x in signals(2, 400)]
    for waveform in waveforms:
        waveform[1, LENGTHS[1] :] = 7.0
    waveforms[0].requires_grad_()
    host = getattr(losses, distance)(**LAYOUTS[layout])
    loss = losses.DistillationLoss(host, RULES[rule], RATE, N_FFT, HOP)
    lens = torch.tensor(LENGTHS) / 400
    value, detail = loss(*waveforms, lens, "batch", return_detail=True)
    for row, length in enumerate(LENGTHS):
        alone = [x[row, :length].detach().numpy() for x in waveforms]
        number, bands = expected(distance, rule, alone, LAYOUTS[layout])
        np.testing.assert_allclose(value[row].item(), number, rtol=1e-9)
        assert len(bands) == len(detail)
        for maps, wanted in zip(detail.values(), bands):
            inside = maps["candidate"][row]
            for name, numbers in zip(("gap", "selected"), wanted):
                found = maps[name][row][inside].numpy()
                np.testing.assert_allclose(found, numbers, 1e-9, 1e-13)
            assert not maps["selected"][row][~inside].any()


@pytest.mark.parametrize("distance", reference.DISTANCES)
def test_float32_is_close_to_float64(distance):
    host = getattr(losses, distance)(patch_bins=5)
    loss = losses.DistillationLoss(host, RULES["top"], RATE, N_FFT, HOP)
    single = loss(*signals(2, 400))
    exact = loss(*(x.double() for x in signals(2, 400)))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=0)
