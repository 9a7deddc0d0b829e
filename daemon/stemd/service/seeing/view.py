"""What of a daemon is looked at. Looking changes nothing, and happens on the event loop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stemd.config import Config
from stemd.separation.pool import Pool
from stemd.service.courier import Courier
from stemd.service.distribution import Distribution
from stemd.service.library import Library
from stemd.service.listeners import Listeners
from stemd.service.sessions import Sessions
from stemd.service.streams import Streams

# Seconds by which the event loop was late for a timer: a block that leaves waits as long.
LAG: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass
class View:
    """The parts of a daemon.

    Attributes:
        config: gives what holds now.
        pool: its workers.
        library: its models.
        sessions: its clients.
        streams: its streams.
        listeners: its subscriptions.
        courier: counts refusals.
        devices: the state of its sound devices (see `stemd.service.live.live.Live.state`); None: it has none.
        warm: whether every model that is loaded at the start is.
        lag: see LAG.
    """

    config: Callable[[], Config]
    pool: Pool
    library: Library
    sessions: Sessions
    streams: Streams
    listeners: Listeners
    courier: Courier
    devices: Callable[[], Mapping[str, Any] | None]
    warm: bool = False
    lag: Distribution = field(default_factory=lambda: Distribution(LAG))


def ailments(view: View) -> list[str]:
    """Why the daemon needs help, in words; nothing where it works."""
    return [
        f"the {lane.value} lane does not answer: its segment has run for {health.oldest:.1f} s, {health.waiting} wait"
        for lane, health in view.pool.health().items()
        if not health.answers
    ]


def obstacles(view: View) -> list[str]:
    """Why the daemon would take no new stream now, in words.

    That a realtime stream may be refused for want of time is none: it depends on what the stream asks for.
    """
    found = ailments(view)
    if not view.warm:
        found.append("models are being loaded and timed")
    if view.streams.stopping:
        found.append("the daemon is stopping")
    limit = view.config().server.max_streams
    if len(view.streams.open) >= limit:
        found.append(f"{len(view.streams.open)} streams are open, the most that server.max_streams allows")
    return found
