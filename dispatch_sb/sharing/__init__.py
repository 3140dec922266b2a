"""Publishing: a trained model becomes a folder that others can load.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.sharing.card import model_card

__all__ = ["model_card"]
