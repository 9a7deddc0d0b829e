"""How many frames lie between the inputs and the stems, and how JACK is told."""

import math
from collections.abc import Iterable
from typing import Final

from stemd_client.jack.library import Range

_LEAST_SECONDS: Final = 256 / 48_000  # shorter blocks cost more messages than they save time


def gathered(period: int, rate: int) -> int:
    """Frames of a block that is sent: whole periods, and not less than 5.3 ms of them."""
    return period * max(1, math.ceil(_LEAST_SECONDS * rate / period))


def delay(stream: int, period: int, rate: int, margin: float) -> int:
    """D, by which every stem's frame comes after the mixture's, in frames: whole periods.

    A block that begins at frame p is complete, and sent, in the callback that begins at p + block - period. The
    daemon lets it go `stream` frames later; and `margin` later still it is here. Since blocks begin with a period and D
    is of whole ones, its first frame is wanted in the callback that begins at p + D, and no sooner.

    Args:
        stream: the latency that the daemon declared, in frames.
        period: frames of a callback.
        rate: frames a second.
        margin: seconds for the way over the sockets and for event loops.
    """
    least = stream + gathered(period, rate) - period + math.ceil(margin * rate)
    return period * math.ceil(least / period)


def through(latencies: Iterable[Range], own: int) -> Range:
    """The latency at one side of this client, from those of the connected ports at the other; none count as 0."""
    ranges = list(latencies) or [(0, 0)]
    return min(least for least, _ in ranges) + own, max(most for _, most in ranges) + own
