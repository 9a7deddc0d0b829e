"""What another element would declare: computed by its rule, not run.

GStreamer's element `demucs` (gst-plugins-rs 0.15; its session.py and imp.rs) separates pieces of 3 s and answers a
latency query with that of its overlap-add and 1 s for computing.
"""

import math
from typing import Final

PIECE, COMPUTING = 3.0, 1.0  # seconds, its defaults
OVERLAPS: Final = (0.25, 0.0)  # its default, and the least


def declared(overlap: float) -> float:
    """The latency that it declares, in seconds.

    Args:
        overlap: of neighbouring pieces, as a share of one; 0 <= overlap < 1.
    """
    pieces = math.ceil(1 / (1 - overlap)) + 1 if overlap else 1
    return pieces * PIECE + COMPUTING
