"""Publishing: a trained model becomes a folder that others can load.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.publish.card import model_card
from dispatch_sb.publish.folder import write_model_folder

__all__ = ["model_card", "write_model_folder"]
