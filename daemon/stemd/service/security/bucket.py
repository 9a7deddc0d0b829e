"""How much may come: a bucket that fills by itself, up to its brim, and out of which everything that comes is paid."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """What comes may be `rate` a second on the average, and a burst of a second's worth at once.

    Attributes:
        rate: a second.
        now_ns: of a monotonic clock; it begins full.
    """

    rate: float
    now_ns: int
    _level: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.rate

    def refill_at(self, rate: float, now_ns: int) -> None:
        """Fill at another rate from now on; what is in it stays, as far as it has room."""
        self.take(0, now_ns)
        self.rate, self._level = rate, min(self._level, rate)

    def take(self, amount: float, now_ns: int) -> bool:
        """Pay for something; where there is too little in it, nothing is taken, and the answer is False."""
        self._level = min(self.rate, self._level + self.rate * (now_ns - self.now_ns) / 1e9)
        self.now_ns = now_ns
        if amount > self._level:
            return False
        self._level -= amount
        return True
