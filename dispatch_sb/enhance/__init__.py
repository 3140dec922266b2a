"""Enhancement of files of any length, and of sound that is still arriving.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.enhance.chunked import ChunkedEnhancer, enhancer_of
from dispatch_sb.enhance.enhancer import StreamingEnhancer, StreamState
from dispatch_sb.enhance.noise_floor import NoiseFloor

__all__ = [
    "ChunkedEnhancer",
    "NoiseFloor",
    "StreamState",
    "StreamingEnhancer",
    "enhancer_of",
]
