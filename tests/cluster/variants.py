"""The variants of the story: both servers known to the daemon; behind a balancer; with the shipped network."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from stemd.audio import Float32Array
from stemd.protocol import Plan
from stemd.separation.store import Model
from tests.cluster import laws
from tests.cluster.playing import RATE, Part
from tests.cluster.scene import AWAY, HERE, HOP, scene
from tests.cluster.story import FAULTS, KILLED, Account, Step, told
from tests.end_to_end import reference
from tests.networks import noise

_LONGEST: Final = 150  # seconds
_TRIES: Final = 2
_COPYING: Final = Plan(HOP, HOP, 0, 0)


@dataclass(frozen=True, slots=True)
class Variant:
    """A story, and what holds in it.

    Attributes:
        title: of its table.
        balanced: see `scene`.
        real: whether the shipped network runs, and not one that copies.
        steps: of the story.
        degraded: segments of one stream that may be degraded in each step but those in which all is well.
    """

    title: str
    balanced: bool
    real: bool
    steps: list[Step]
    degraded: int

    @property
    def model(self) -> Model | None:
        """The shipped one, or None."""
        return reference.model() if self.real else None

    @property
    def away(self) -> str:
        """The name of the model that the servers run."""
        return reference.model().manifest.name if self.real else AWAY

    @property
    def hop(self) -> int:
        """Of its streams, in frames."""
        return reference.PLAN.hop if self.real else HOP

    @property
    def expected(self) -> laws.Expected:
        """What its network makes of a part."""
        return _offline if self.real else laws.copied


VARIANTS: Final[Mapping[str, Variant]] = {
    # A segment whose server fails is run by the other one, and there is time for that: not one is degraded.
    "direct": Variant("two servers, both known to the daemon", False, False, FAULTS, degraded=0),
    # Who is cut off is found out by HAProxy alone, which takes half a second; segments that are due by then, or are
    # with the one that is cut off until its connections are ended, come too late. That is a second, at five a second.
    "balanced": Variant("two servers behind HAProxy, the daemon's one address", True, False, KILLED, degraded=5),
    "real": Variant("two servers with the shipped network", False, True, KILLED, degraded=0),
}


def perform(variant: Variant) -> Account:
    """Tell the story; once more, where the machine was too busy for it to show anything."""
    parts = _real() if variant.real else _copying()
    for _ in range(_TRIES):
        with _preferred(), scene(balanced=variant.balanced, model=variant.model) as ready:
            account = asyncio.run(told(ready, parts, variant.steps))
        if not laws.unfit(account):
            break
    return account


@contextmanager
def _preferred() -> Iterator[None]:
    """Who plays, and the daemon, go before what this machine does besides; it is root who runs this."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def broken(variant: Variant, account: Account) -> list[str]:
    """The laws that do not hold, in words."""
    checks: list[partial[None]] = [
        partial(laws.every_frame_came_once_in_order_at_the_declared_latency, account),
        partial(laws.every_sample_is_the_networks_or_silent_and_flagged, account, variant.expected),
        partial(laws.only_streams_that_run_there_are_ever_degraded, account, variant.away),
        partial(laws.blocks_are_degraded_around_faults_alone, account, variant.hop, variant.degraded),
        partial(laws.nobody_waits_for_what_is_late, account),
        partial(laws.both_run_segments_when_all_is_well, account),
    ]
    return [fault for check in checks if (fault := _fault(check))]


def _fault(check: "partial[None]") -> str:
    try:
        check()
    except AssertionError as exc:
        return f"{check.func.__name__}: {str(exc).partition(chr(10))[0]}"
    return ""


def _copying() -> list[Part]:
    frames = _LONGEST * RATE
    return [
        *(Part(f"desk-{n}", AWAY, _COPYING, ("s0", "mix"), noise(frames, seed=n)) for n in range(3)),
        Part("file", AWAY, _COPYING, ("s0",), noise(frames, seed=7), "free"),
        Part("beside", HERE, _COPYING, ("s0",), noise(frames, seed=8)),
    ]


def _real() -> list[Part]:
    model, plan = reference.model().manifest.name, reference.WIRE_PLAN
    mixtures = [reference.recording(_LONGEST * RATE, RATE, seed=n) for n in range(3)]
    return [
        Part("desk-0", model, plan, ("vocals", "mix"), mixtures[0]),
        Part("desk-1", model, plan, ("vocals", "mix"), mixtures[1]),
        Part("file", model, plan, ("vocals",), mixtures[2], "free"),
    ]


def _offline(part: Part, frames: int) -> Float32Array:
    return reference.offline(part.mixture[:, :frames], RATE)
