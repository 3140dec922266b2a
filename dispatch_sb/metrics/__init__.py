"""Scores of enhanced speech, computed in processes, failures counted.

Imports no torch, so that the scoring processes start quickly.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.metrics.bootstrap import mean_with_interval
from dispatch_sb.metrics.catalogue import ALL, chosen_metrics, flavours
from dispatch_sb.metrics.composite import composite_scores
from dispatch_sb.metrics.dnsmos import dnsmos_scores
from dispatch_sb.metrics.intrusive import (
    estoi,
    pesq_wb,
    segmental_snr,
    si_sdr,
    stoi,
)
from dispatch_sb.metrics.pair import score_pair
from dispatch_sb.metrics.scoreboard import (
    format_table,
    score_systems,
    summarise,
    write_scores,
)
from dispatch_sb.metrics.validation import validation_scores

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
    "write_scores",
]
