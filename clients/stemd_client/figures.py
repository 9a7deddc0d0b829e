"""Numbers as people read them, in characters that every terminal has."""

import math
from typing import Final

FLOOR_DB: Final = -60.0  # where a bar begins
_WARM_DB, _HOT_DB = -18.0, -6.0
_FULL, _EMPTY = "█", "·"


def gain_text(gain: float) -> str:
    """A linear gain in decibels, 8 characters: ` -3.0 dB`."""
    return f"{20 * math.log10(gain):+5.1f} dB" if gain > 0 else " -inf dB"


def level_text(level: float) -> str:
    """A level in dBFS, 9 characters: ` -12.3 dB`; below the bar's floor it is silence."""
    return f"{level:6.1f} dB" if level > FLOOR_DB else "  -inf dB"


def bar(level: float, width: int) -> list[tuple[str, str]]:
    """A level in dBFS as a bar of `width` characters from -60 to 0 dB.

    Returns:
        Runs of (characters, colour): green to -18 dB, yellow to -6 dB, red above; what is not reached has no colour.
    """
    reached = _place(level, width)
    edges = [0, _place(_WARM_DB, width), _place(_HOT_DB, width), width]
    runs = [
        (_FULL * (min(high, reached) - low), colour)
        for low, high, colour in zip(edges, edges[1:], ("green", "yellow", "red"), strict=False)
        if reached > low
    ]
    return [*runs, (_EMPTY * (width - reached), "")]


def _place(level: float, width: int) -> int:
    return round(width * (1 - min(0.0, max(FLOOR_DB, level)) / FLOOR_DB))


def duration_text(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h 12 min`, `2 d 3 h`."""
    minutes, hours, days = int(seconds) // 60, int(seconds) // 3600, int(seconds) // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def cut(text: str, width: int) -> str:
    """A text in at most `width` characters; what is left out is a `…`."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[: max(0, width)]
