"""How many servers and daemons so many streams need, from what one stream was measured to cost. Pure.

What comes of it is an extrapolation. A daemon has servers of its own: two daemons that share servers know nothing of
each other's promises, and would give more than there is. Streams find their daemon by a hash of their name, so one
daemon gets more than another; places are left free for that, and a stream whose daemon is full goes to its next one.
One server of each daemon, and one daemon of all, may be missing.

    servers of a daemon = ceil(streams of it * trip / (hop * use * cores of a server)) + 1
    streams of a daemon <= core / cores of a stream, link / bytes a second of a stream, descriptors / those of a stream
    daemons = ceil(streams / (fill * streams of a daemon)) + 1
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from stemd.errors import ConfigError
from stemd.service.admission import HEADROOM

_SOCKETS: Final = 2  # of each client: requests and stems


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one stream costs.

    Attributes:
        name: of the network and the plan.
        trip: seconds until a segment is back, p99: what the daemon's admission counts for it.
        compute: seconds of one core of a server that it takes of these.
        hop: seconds from one segment to the next.
        sent: bytes of a request; `answered`: of its answer.
        daemon: cores that a daemon uses for it.
        audio: bytes a second of its mixture, and of a stem.
    """

    name: str
    trip: float
    compute: float
    hop: float
    sent: float
    answered: float
    daemon: float
    audio: float = 8 * 44_100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What there is to be had, and how much of it may be used.

    Attributes:
        server_cores: of one server; each runs a segment at a time.
        use: share of these cores' time that may be promised: what the daemon's admission allows.
        core: cores that a daemon may use; its event loop is one thread.
        link: bytes a second that a daemon's network carries each way.
        descriptors: open files at which a daemon lets nobody in any more.
        listeners: of each stream, to one stem each, by connections of their own.
        fill: share of the places that are taken, where there are several daemons.
    """

    server_cores: int = 1
    use: float = 1 / HEADROOM
    core: float = 1.0
    link: float = 0.7 * 10e9 / 8
    descriptors: int = 8_192
    listeners: int = 1
    fill: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What so many streams need.

    Attributes:
        streams: in all.
        daemons: with the one that may be missing.
        streams_each: places of each daemon; its `server.max_streams`.
        servers_each: of each daemon, with the one that may be missing; its `engine.triton.endpoints`.
        servers: of all daemons.
        busy: cores of servers that compute at any time, in all.
        rate: bytes a second between daemons and servers, both ways, in all.
        elsewhere: share of the streams that are at another daemon than their first, with one of all missing.
        limit: what bounds the streams of a daemon, in words.
    """

    streams: int
    daemons: int
    streams_each: int
    servers_each: int
    servers: int
    busy: float
    rate: float
    elsewhere: float
    limit: str


def need(streams: int, costs: Costs, limits: Limits) -> Need:
    """What so many streams need.

    Raises:
        ConfigError: no number of servers would do.
    """
    if costs.trip > costs.hop:
        raise ConfigError(
            f"{costs.name}: a segment is back after {costs.trip:.3g} s, and one goes out every {costs.hop:.3g} s: "
            "no number of servers mends that; take a plan with a longer hop, or servers with quicker cores"
        )
    most, limit = most_of_daemon(costs, limits)
    if most < 1:
        raise ConfigError(f"{costs.name}: not even one stream, for {limit}")
    alive = 1 if streams <= most else math.ceil(streams / (limits.fill * most))
    each = min(most, math.ceil(streams / (limits.fill * alive))) if alive > 1 else streams
    own = servers_of(each, costs, limits) + 1
    return Need(
        streams=streams,
        daemons=alive + 1,
        streams_each=each,
        servers_each=own,
        servers=(alive + 1) * own,
        busy=streams * costs.compute / costs.hop,
        rate=streams * (costs.sent + costs.answered) / costs.hop,
        elsewhere=excess(streams, alive, each) * alive / streams,
        limit=limit,
    )


def most_of_daemon(costs: Costs, limits: Limits) -> tuple[int, str]:
    """The most streams of one daemon, and what would not let it have more."""
    going = costs.sent / costs.hop + limits.listeners * costs.audio
    coming = costs.answered / costs.hop + costs.audio
    bounds = {
        "the daemon's processor time": limits.core / costs.daemon,
        "its network": limits.link / max(going, coming),
        "its open files": limits.descriptors / (_SOCKETS * (1 + limits.listeners)),
    }
    limit = min(bounds, key=lambda name: bounds[name])
    return int(bounds[limit]), limit


def servers_of(streams: int, costs: Costs, limits: Limits) -> int:
    """The fewest servers that hold so many streams of one daemon."""
    return math.ceil(streams * costs.trip / (costs.hop * limits.use * limits.server_cores))


def excess(streams: int, daemons: int, places: int) -> float:
    """How many streams a daemon gets that it has no place for, on average, where a hash spreads them over equal ones.

    Each daemon gets a binomial share X; this is the mean of max(0, X - places), the sum of P(X > n) over n >= places.
    """
    from scipy.stats import binom  # noqa: PLC0415 - takes a second

    most = min(streams, places + 40 * (1 + math.isqrt(streams // daemons)))  # beyond, nothing is left to be added
    return float(np.sum(binom.sf(np.arange(places, most), streams, 1 / daemons)))
