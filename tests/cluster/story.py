"""What befalls a cluster while it plays, step by step, and what was counted in each step."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stemd_client import Client
from tests.cluster.playing import RATE, Part, Played, playing
from tests.cluster.scene import Scene, Site
from tests.waiting import until

WELL: Final = "all is well"
_FAULT_SECONDS: Final = 4.0
_WELL_SECONDS: Final = 2.0
_RETURN_WITHIN: Final = 40.0
_LOOK_EVERY: Final = 0.1
_SEGMENTS: Final = 3  # that a server runs of those streams before it counts as back

Act = Callable[[Site], None]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done, and for how long it is looked at what comes of it.

    Attributes:
        words: what is the case then.
        act: is called in a thread, on the site that is hit.
        victim: the number of that site.
        returns: whether the step lasts until that site runs segments again, and not for a while.
    """

    words: str
    act: Act | None = None
    victim: int = 0
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted up to a moment.

    Attributes:
        at_ns: of CLOCK_MONOTONIC.
        failures: segments that were given up or failed, of the streams that are watched.
        falls: endpoints that failed; `returns`: that came back.
        ran: segments that each site's server has run, by its own account; None: it does not answer.
    """

    at_ns: int
    failures: int
    falls: int
    returns: int
    ran: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """A step as it was: between two counts."""

    step: Step
    before: Count
    after: Count

    @property
    def is_well(self) -> bool:
        """Whether nothing was the matter, and had not been for a moment."""
        return self.step.words == WELL


@dataclass(slots=True)
class Account:
    """Of a whole story."""

    phases: list[Phase] = field(default_factory=list)
    played: list[Played] = field(default_factory=list)


def episode(words: str, act: Act, back: str, mend: Act, victim: int) -> list[Step]:
    """A fault, its end, and a while in which all should be as before."""
    return [Step(words, act, victim), Step(back, mend, victim, returns=True), Step(WELL)]


KILLED: Final = [
    Step(WELL),
    *episode("one is killed", Site.kill, "one starts again", Site.start, 0),
    *episode("two is cut off", Site.cut_off, "two is plugged in again", Site.join, 1),
]
"""What a load balancer can help with."""
FAULTS: Final = [
    *KILLED,
    *episode("one is behind a slow line", Site.slow_down, "one's line is wide again", Site.widen, 0),
    *episode("two answers in a wrong shape", Site.misshape, "two answers as it should", Site.mend, 1),
]


async def told(scene: Scene, parts: Sequence[Part], steps: Sequence[Step]) -> Account:
    """Play the parts while the steps are taken."""
    account = Account()
    async with Client(scene.daemon.address, "watcher") as client, playing(scene.daemon.address, parts) as played:
        account.played = played
        before = await _count(client, scene)
        for step in steps:
            await _take(client, scene, step)
            if step.returns:
                # What was given up before leaves a latency later.
                await asyncio.sleep(max(each.opened.latency for each in played) / RATE)
            after = await _count(client, scene)
            account.phases.append(Phase(step, before, after))
            before = after
    return account


async def _take(client: Client, scene: Scene, step: Step) -> None:
    site = scene.sites[step.victim]
    if step.act:
        await asyncio.to_thread(step.act, site)
    if not step.returns:
        await asyncio.sleep(_FAULT_SECONDS if step.act else _WELL_SECONDS)
        return

    async def is_there() -> bool:
        await asyncio.sleep(_LOOK_EVERY)
        return all(server["there"] for server in (await client.status())["servers"])

    await until(is_there, f"{step.words}, and the daemon sees it", _RETURN_WITHIN)
    first = await asyncio.to_thread(site.ran)
    assert first is not None, f"{step.words}, and its server does not answer"

    async def works() -> bool:
        await asyncio.sleep(_LOOK_EVERY)
        return (await asyncio.to_thread(site.ran) or 0) >= first + _SEGMENTS

    await until(works, f"{step.words}, and segments run there", _RETURN_WITHIN)


async def _count(client: Client, scene: Scene) -> Count:
    status: dict[str, Any] = await client.status()
    ran = await asyncio.gather(*(asyncio.to_thread(site.ran) for site in scene.sites))
    return Count(
        time.monotonic_ns(),
        sum(stream["failures"] for stream in status["streams"]),
        sum(server["failures"] for server in status["servers"]),
        sum(server["returns"] for server in status["servers"]),
        tuple(ran),
    )
