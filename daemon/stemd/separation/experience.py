"""What networks took lately: whether it is worth starting a segment that has to be ready soon."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

_REMEMBERED: Final = 5  # runs of a network
_PACED: Final = 3  # runs that tell the machine's pace
_WINDOW: Final = 16
_PATIENCE: Final = 0.8  # what a refusal does to an expectation, so that a network is tried again before long
_CAUTION: Final = 0.99  # the same, where a trial that fails would make something more important late


@dataclass(slots=True)
class _Memory:
    """Of one network: times at pace 1, its best time, and how much less than that is hoped for since a refusal."""

    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    best: float = float("inf")
    hope: float = 1.0


class Experience:
    """The last few times of the networks of one worker. All of them are slower when the machine has less to give.

    So a network that was given up need not be tried to know that it can be had again: those that go before it tell.
    """

    def __init__(self) -> None:
        self._memories: dict[Hashable, _Memory] = {}
        self._paces: deque[tuple[int, float]] = deque(maxlen=_WINDOW)  # rank, and time over the network's best

    def note(self, network: Hashable, rank: int, seconds: float) -> None:
        """A run of a network took so many seconds; less rank is more important."""
        memory = self._memories.setdefault(network, _Memory())
        memory.best = min(memory.best, seconds)
        self._paces.append((rank, seconds / memory.best))
        usual = seconds / self._pace(rank)
        if memory.hope < 1 and usual <= memory.hope * median_low(memory.seconds):
            memory.seconds.clear()  # what was bad before is over
        memory.hope = 1.0
        memory.seconds.append(usual)

    def allows(self, network: Hashable, rank: int, seconds: float) -> bool:
        """Whether a run that starts now is likely to be ready within `seconds`; a refusal makes the next less likely.

        One slow run among quick ones changes nothing.
        """
        memory = self._memories.get(network)
        if memory is None or memory.hope * median_low(memory.seconds) * self._pace(rank) <= seconds:
            return True
        memory.hope *= _CAUTION if self._more_important(rank) else _PATIENCE
        return False

    def _pace(self, rank: int) -> float:
        """How much slower than at best those are that are more important."""
        lately = self._more_important(rank)[-_PACED:]
        return median_low(lately) if lately else 1.0

    def _more_important(self, rank: int) -> list[float]:
        return [pace for other, pace in self._paces if other < rank]
