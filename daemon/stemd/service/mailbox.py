"""Bounded mailboxes: every queue says how long it may get, and what happens then."""

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Overflow(Enum):
    """What a full mailbox does with one more item."""

    DROP_OLDEST = "drop oldest"
    REFUSE = "refuse"


class Mailbox(Generic[T]):
    """First in, first out, of at most `capacity` items."""

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        self.capacity, self.overflow = capacity, overflow
        self.dropped = 0
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether one more item would overflow."""
        return len(self._items) >= self.capacity

    def put(self, item: T) -> bool:
        """Add an item; False where the mailbox refuses."""
        if self.full:
            if self.overflow is Overflow.REFUSE:
                return False
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        return True

    def peek(self) -> T:
        """The oldest item, left where it is."""
        return self._items[0]

    def pop(self) -> T:
        """Take the oldest item."""
        return self._items.popleft()
