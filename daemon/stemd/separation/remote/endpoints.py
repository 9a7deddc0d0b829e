"""The servers that may run a segment: who has room, who rests after failures, and whom to ask next. Pure."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from stemd.separation.patience import BackOff, Habits
from stemd.separation.pool import Lane, NetworkId

_SOFT: Final = 2  # answers that may be bad, or late, in a row before an endpoint rests
_WAITING: Final = 1  # segments of a network that wait at an endpoint, so that none of its runs waits for the network


@dataclass(slots=True, eq=False)
class Endpoint:
    """One address, and what is known of who answers there.

    Attributes:
        address: `host:port`, of a server or of a load balancer before several.
        parallel: segments of one network that are run there at a time.
        networks: those that it has.
        resting: whether it gets no segments until it was looked at again.
        trouble: why it rests, in words; empty where it does not.
        failures: how often it failed so far; `returns`: how often it came back.
    """

    address: str
    parallel: int
    networks: set[NetworkId] = field(default_factory=set)
    resting: bool = True
    trouble: str = "not asked yet"
    failures: int = 0
    returns: int = 0
    busy: Counter[NetworkId] = field(default_factory=Counter)
    _soft: int = 0
    _pauses: BackOff = field(default_factory=lambda: BackOff(1))  # behind a balancer another may be there at once
    _habits: Habits = field(default_factory=Habits)

    def has_room(self, network: NetworkId, lane: Lane) -> bool:
        """Whether it may be given one more segment; the free lane leaves the last place to the realtime one."""
        return self.busy[network] < self.parallel + (_WAITING if lane is Lane.REALTIME else 0)

    def usual(self, kind: Hashable) -> float | None:
        """The seconds from asking it to its answer, for runs of a kind; None where there was none."""
        return self._habits.usual(kind)

    def answered(self, kind: Hashable, seconds: float) -> None:
        """It gave a good answer after so long."""
        self._soft = 0
        self._habits.note(kind, seconds)

    def overtaken(self, kind: Hashable, seconds: float) -> None:
        """After so long it had no answer, and another had: so it is not taken for quick."""
        self._habits.note(kind, seconds)

    def erred(self) -> bool:
        """It gave a bad answer, or none in time; whether that is too often in a row."""
        self._soft += 1
        return self._soft > _SOFT

    def fell(self, why: str, now: float) -> None:
        """It does not answer, or not well: it rests, longer each time."""
        self.failures += not self.resting
        self.resting, self.trouble, self._soft = True, why, 0
        self._pauses.failed(self.address, now)

    def pause(self, now: float) -> float:
        """Seconds until it may be looked at again."""
        return self._pauses.pause(self.address, now)

    def came_back(self) -> None:
        """It was looked at, and all is well."""
        self.returns += self.failures > 0 and self.resting
        self.resting, self.trouble = False, ""

    def is_well(self) -> None:
        """It has been well for a while: what was before is forgotten, and its next rest is short."""
        self._pauses.succeeded(self.address)


def choose(
    endpoints: Iterable[Endpoint],
    network: NetworkId,
    kind: Hashable,
    lane: Lane | None,
    tried: Collection[Endpoint] = (),
) -> Endpoint | None:
    """Whom to give a segment: the least busy of those that have the network and room, of these the quickest.

    Args:
        endpoints: all.
        network: that is to run.
        kind: of the run; see `Endpoint.usual`.
        lane: of the segment; None: whether there is room or not.
        tried: those that were asked for this segment before.
    """
    able = [
        each
        for each in endpoints
        if each not in tried
        and not each.resting
        and network in each.networks
        and (lane is None or each.has_room(network, lane))
    ]
    return min(able, key=lambda each: (each.busy[network] / each.parallel, each.usual(kind) or 0.0), default=None)
