"""What is played in `stemd bench overhead`: streams with blocks of 20 ms, and a segment for each of them."""

from typing import Final

from stemd.protocol import Plan

NAME: Final = "copy"
STEM: Final = "copy"
MODEL_RATE: Final = 44_100
BLOCK_SECONDS: Final = 0.02
HISTORY_HOPS: Final = 9
_HOP: Final = round(BLOCK_SECONDS * MODEL_RATE)
# As much history as fills 0.2 s: the daemon has to copy it for each segment, as it does for real networks.
PLAN: Final = Plan(segment=(HISTORY_HOPS + 1) * _HOP, hop=_HOP, overlap=0, lookahead=0)
