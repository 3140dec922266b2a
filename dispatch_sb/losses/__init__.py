"""Distillation losses for speech enhancement, in PyTorch alone.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.losses import official
from dispatch_sb.losses.distances import (
    DFKD,
    ComplexL2,
    CompressedMagnitude,
    LogMagnitude,
    MagnitudeL1,
    MagnitudeL2,
)
from dispatch_sb.losses.distillation import DistillationLoss
from dispatch_sb.losses.selection import (
    PositiveGap,
    SoftGap,
    TopGap,
    TopPositiveGap,
)
from dispatch_sb.losses.supervised import EnhancementLoss

__all__ = [
    "DFKD",
    "ComplexL2",
    "CompressedMagnitude",
    "DistillationLoss",
    "EnhancementLoss",
    "LogMagnitude",
    "MagnitudeL1",
    "MagnitudeL2",
    "PositiveGap",
    "SoftGap",
    "TopGap",
    "TopPositiveGap",
    "official",
]
