"""Gains as people write them."""

import math
from collections.abc import Sequence
from typing import Final

from stemd.errors import ConfigError
from stemd.protocol import LOUDEST

_MOST_DB: Final = 20 * math.log10(LOUDEST)


def parse_gains(texts: Sequence[str]) -> dict[str, float]:
    """`vocals=-12dB`, `drums=0.25`, `bass=-inf` as linear gains by stem.

    Raises:
        ConfigError: one cannot be read, or is above +18 dB.
    """
    gains = {}
    for text in texts:
        stem, equals, value = text.partition("=")
        if not (stem and equals):
            raise ConfigError(f"gain {text!r} is not STEM=GAIN, as vocals=-12dB or vocals=0.25")
        gains[stem.strip()] = parse_gain(value.strip())
    return gains


def parse_gain(text: str) -> float:
    """A gain in decibels (`-12dB`, `-inf`), or linear (`0.25`), as a linear one.

    Raises:
        ConfigError: it is neither, or above +18 dB.
    """
    number = text.lower().removesuffix("db").strip()
    decibels = number != text.lower() or number == "-inf"
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if math.isnan(value) or (not decibels and value < 0):
        raise ConfigError(f"gain {text!r} is neither decibels, as -12dB or -inf, nor a number from 0 on, as 0.25")
    # Compared before the power, which +inf would break.
    if value > (_MOST_DB if decibels else LOUDEST):
        raise ConfigError(f"gain {text!r} is more than {LOUDEST:g}, which is +{_MOST_DB:.0f} dB")
    return float(10 ** (value / 20)) if decibels else value
