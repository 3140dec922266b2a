"""Distillation losses for speech enhancement, in PyTorch alone.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.losses import official
from dispatch_sb.losses.dfkd import DFKD
from dispatch_sb.losses.distances import (
    ComplexL2,
    CompressedMagnitude,
    LogMagnitude,
    MagnitudeL1,
    MagnitudeL2,
)
from dispatch_sb.losses.distillation import DistillationLoss
from dispatch_sb.losses.selection import (
    PositiveGap,
    RandomShare,
    SoftGap,
    TopGap,
    TopPositiveGap,
)
from dispatch_sb.losses.supervised import EnhancementLoss
from dispatch_sb.losses.waveform import (
    MultiResolutionSTFT,
    OutputDistillation,
    SISDRLoss,
    WaveformL1,
)

__all__ = [
    "DFKD",
    "ComplexL2",
    "CompressedMagnitude",
    "DistillationLoss",
    "EnhancementLoss",
    "LogMagnitude",
    "MagnitudeL1",
    "MagnitudeL2",
    "MultiResolutionSTFT",
    "OutputDistillation",
    "PositiveGap",
    "RandomShare",
    "SISDRLoss",
    "SoftGap",
    "TopGap",
    "TopPositiveGap",
    "WaveformL1",
    "official",
]
