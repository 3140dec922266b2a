"""Scores of enhanced speech, computed in processes, failures counted.

Imports no torch, so that the scoring processes start quickly.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.scoring.bootstrap import mean_with_interval
from dispatch_sb.scoring.catalogue import ALL, chosen_metrics, flavours
from dispatch_sb.scoring.composite import composite_scores
from dispatch_sb.scoring.dnsmos import dnsmos_scores
from dispatch_sb.scoring.intrusive import (
    estoi,
    pesq_wb,
    segmental_snr,
    si_sdr,
    stoi,
)
from dispatch_sb.scoring.pair import score_pair
from dispatch_sb.scoring.scoreboard import score_systems, summarise
from dispatch_sb.scoring.table import format_table
from dispatch_sb.scoring.validation import validation_scores

__all__ = [
    "ALL",
    "chosen_metrics",
    "composite_scores",
    "dnsmos_scores",
    "estoi",
    "flavours",
    "format_table",
    "mean_with_interval",
    "pesq_wb",
    "score_pair",
    "score_systems",
    "segmental_snr",
    "si_sdr",
    "stoi",
    "summarise",
    "validation_scores",
]
