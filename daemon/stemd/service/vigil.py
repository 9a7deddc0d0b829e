"""Tells the service manager how the daemon is: that it starts, that it lives, what it does."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from stemd.service.notify import Notifier

log: Final = logging.getLogger("stemd")

_LOOK: Final = 1.0  # seconds between two looks, where the watchdog does not want more
_PATIENCE: Final = 30.0  # seconds that are asked for at a time, while networks are warmed
_LONGEST_START: Final = 900.0  # seconds; a start that takes longer hangs


async def ask_for_patience(notifier: Notifier, longest: float = _LONGEST_START) -> None:
    """Keep the manager from giving up a start that takes long, as that of a large network does. Cancel it when done.

    Args:
        notifier: of the manager.
        longest: seconds after which the manager's own limit holds again.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + longest
    notifier.status("starting: loading and warming networks")
    while loop.time() < end:
        notifier.extend(_PATIENCE)
        await asyncio.sleep(_PATIENCE / 3)


class Vigil:
    """Signs of life from the event loop, held back while the workers do not answer; and a line of status.

    Args:
        notifier: of the service manager.
        state: as `Server.state` gives it.
        answers: whether every lane of the pool still ends what it begins.
    """

    def __init__(self, notifier: Notifier, state: Callable[[], Mapping[str, Any]], answers: Callable[[], bool]) -> None:
        self._notifier, self._state, self._answers = notifier, state, answers
        self._answered = True
        self._said = ""

    @property
    def interval(self) -> float:
        """Seconds between two looks: at least three signs of life within the watchdog's patience."""
        return min(_LOOK, (self._notifier.watchdog or 3 * _LOOK) / 3)

    def ready(self) -> None:
        """Say that it serves: after the start, and again after a reload."""
        self._said = self._status()
        self._notifier.ready(self._said)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._look()
            await asyncio.sleep(self.interval)

    def _look(self) -> None:
        answers = self._answers()
        if answers and self._notifier.watchdog:
            self._notifier.alive()
        if answers != self._answered:
            self._answered = answers
            log.log(*(logging.INFO, "the workers answer again") if answers else (logging.ERROR, _SILENT))
        text = self._status()
        if text != self._said:
            self._said = text
            self._notifier.status(text)

    def _status(self) -> str:
        return described(self._state())


_SILENT: Final = "a worker does not answer: no sign of life to the service manager until it does"


def described(state: Mapping[str, Any]) -> str:
    """A daemon's state in a line, as `2 streams, load 0.41, 3 subscribers; spleeter-vocals`.

    Args:
        state: as `Server.state` gives it.
    """
    subscribers = sum(len(stream["subscriptions"]) for stream in state["streams"]) + len(state["pending"])
    parts = [
        _counted(len(state["streams"]), "stream"),
        f"load {state['load']:.2f}",
        _counted(subscribers, "subscriber"),
    ]
    return "; ".join(filter(None, (", ".join(parts), ", ".join(state["models"]), state["trouble"])))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
