"""How many lines of one kind may be logged: whoever makes the daemon complain must not fill its disk."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BURST: Final = 10  # lines of a kind at once
EVERY: Final = 5.0  # seconds until one more may follow
_KINDS: Final = 256  # that are remembered; past them, the one that was not heard of for longest is forgotten


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float  # when, in seconds of the clock
    left_out: int = 0


class Limiter(logging.Filter):
    """Lets lines of one kind (logger, level, and message before names and numbers are put in) pass, but not too many.

    A line that passes after others did not gets the attribute `suppressed`: how many.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, int, str], _Bucket] = OrderedDict()
        self._forgotten = 0  # lines left out of kinds that are remembered no more
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written; called in any thread."""
        kind = (record.name, record.levelno, str(record.msg))
        now = self._clock()
        with self._lock:
            bucket = self._kinds.setdefault(kind, _Bucket(BURST, now))
            self._kinds.move_to_end(kind)
            if len(self._kinds) > _KINDS:
                self._forgotten += self._kinds.popitem(last=False)[1].left_out
            _fill(bucket, now)
            if bucket.tokens < 1:
                bucket.left_out += 1
                return False
            bucket.tokens -= 1
            if bucket.left_out:
                record.suppressed = bucket.left_out
                bucket.left_out = 0
            return True

    def settled(self, *, all_of_them: bool = False) -> list[logging.LogRecord]:
        """Lines that say what was left out of kinds of which no more came since, or of every kind."""
        now = self._clock()
        told = []
        with self._lock:
            for (name, level, text), bucket in self._kinds.items():
                _fill(bucket, now)
                if bucket.left_out and (all_of_them or bucket.tokens >= 2):
                    told.append(_told(name, level, bucket.left_out, text))
                    bucket.left_out = 0
            if self._forgotten:
                told.append(_told("stemd", logging.WARNING, self._forgotten, "of many kinds"))
                self._forgotten = 0
        return told


def _fill(bucket: _Bucket, now: float) -> None:
    bucket.tokens = min(BURST, bucket.tokens + (now - bucket.filled) / EVERY)
    bucket.filled = now


def _told(name: str, level: int, count: int, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 0, "%d more lines were left out: %s", (count, text), None)
