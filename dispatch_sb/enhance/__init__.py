"""Enhancement of files of any length, and of sound that is still arriving.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.enhance.chunked import ChunkedEnhancer, enhancer_of
from dispatch_sb.enhance.enhancer import StreamingEnhancer, StreamState

__all__ = [
    "ChunkedEnhancer",
    "StreamState",
    "StreamingEnhancer",
    "enhancer_of",
]
