"""Enhancement models: noisy waveform in, enhanced waveform out.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.models.conv_tasnet import ConvTasNet
from dispatch_sb.models.dccrn import DCCRN
from dispatch_sb.models.families import build_model
from dispatch_sb.models.fast_enhancer import FastEnhancer
from dispatch_sb.models.interface import WaveformModel

__all__ = [
    "DCCRN",
    "ConvTasNet",
    "FastEnhancer",
    "WaveformModel",
    "build_model",
]
