"""Models whose output is known, and noise to give them.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import torch

from dispatch_sb.models import FastEnhancer

SIZE = dict(channels=8, depth=1, blocks=1, block_channels=8, block_bins=8)


def identity_model():
    """A causal network whose mask is one: it returns its input, less the
    bin at half of the sample rate."""
    model = FastEnhancer(**SIZE).eval()
    with torch.no_grad():
        model.head.upsample.weight.zero_()
    return model


def random_model(**changes):
    """A causal network that changes its input a lot."""
    torch.manual_seed(0)
    model = FastEnhancer(**SIZE, **changes)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def noise(seconds, rate, channels, band=0.3):
    """Noise below `band` of half the sample rate that fades in and out,
    [samples, channels]."""
    rng, samples = np.random.default_rng(0), round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal((samples, channels)), axis=0)
    spectrum[int(band * len(spectrum)) :] = 0
    signal = np.fft.irfft(spectrum, samples, axis=0)
    signal *= np.hanning(samples)[:, None]
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)
