"""What waits to be sent to one page."""

import asyncio
from collections import deque
from typing import Final

_NOTES: Final = 16


class PageQueue:
    """The newest state, which replaces an older one, and at most sixteen notes, of which the oldest are dropped."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self._news = asyncio.Event()

    def show(self, state: str) -> None:
        """Send a state, if nothing newer comes before its turn."""
        self._state = state
        self._news.set()

    def note(self, text: str) -> None:
        """Send this too."""
        self._notes.append(text)
        self._news.set()

    async def next(self) -> str:
        """What is to be sent next: notes before the state."""
        while self._state is None and not self._notes:
            self._news.clear()
            await self._news.wait()
        if self._notes:
            return self._notes.popleft()
        state, self._state = self._state or "", None
        return state
