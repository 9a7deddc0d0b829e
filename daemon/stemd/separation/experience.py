"""What a network took lately: whether it is worth starting a segment that has to be ready soon."""

from collections import deque
from statistics import median_low
from typing import Final

_REMEMBERED: Final = 5
_PATIENCE: Final = 0.8  # what a refusal does to an experience, so that a network is tried again before long


class Experience:
    """The last few times of one network on segments of one length, in seconds."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def note(self, seconds: float) -> None:
        """It took so long."""
        self._seconds.append(seconds)

    def allows(self, seconds: float) -> bool:
        """Whether a run that starts now is likely to be ready within `seconds`; a refusal makes the next less likely.

        One slow run among quick ones changes nothing.
        """
        if not self._seconds or (expected := median_low(self._seconds)) <= seconds:
            return True
        self._seconds.append(expected * _PATIENCE)
        return False
