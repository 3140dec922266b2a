"""Sharing: a finished run becomes a model folder with its card, a model of the
hub, an ONNX file.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.sharing.card import model_card

__all__ = ["model_card"]
