"""Which cases there are: a base, and beside it what differs from it in one thing alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from stemd_bench.process import HOME, Transport
from stemd_bench.results import Parameter

Group = Literal["base", "plan", "network", "streams", "transport"]
SPLEETER: Final = "Spleeter"
COPY: Final = "copying network"
DEMUCS: Final = "HT-Demucs"
NARROW: Final = "narrow HT-Demucs"  # the same, a sixth as wide and a tenth as long
RATE: Final = 44_100
FRAMES: Final = 256  # of a block
_OWN: Final = {SPLEETER: "auto", COPY: "live", DEMUCS: "auto", NARROW: "auto"}  # what the base's plan may not fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a case is.

    Attributes:
        group: in what it differs from the base.
        plan: by name.
        network: SPLEETER, COPY, DEMUCS or NARROW.
        streams: how many, all alike.
        transport: of the sockets.
        keys: whether the daemon asks for keys, so that all is encrypted (CURVE).
    """

    group: Group = "base"
    plan: str
    network: str
    streams: int = 1
    transport: Transport = HOME
    keys: bool = False

    @property
    def name(self) -> str:
        """In a few words, in what it differs from the base."""
        keys = ", CURVE" if self.keys else ""
        return {
            "base": f"base: {self.network}, plan {self.plan}, {self.transport}",
            "plan": f"plan {self.plan}",
            "network": f"{self.network}, plan {self.plan}",
            "streams": f"{self.streams} streams, {self.network}",
            "transport": f"{self.transport}{keys}",
        }[self.group]

    def parameters(self) -> dict[str, Parameter]:
        """For the report."""
        return {
            "group": self.group,
            "plan": self.plan,
            "network": self.network,
            "streams": self.streams,
            "transport": self.transport,
            "keys": int(self.keys),
            "rate": RATE,
            "block": FRAMES,
        }


def settings(plans: Sequence[str], streams: Sequence[int], networks: Sequence[str]) -> Iterator[Setting]:
    """The base, which has the first of these plans and networks, and the others; nothing without a network.

    Args:
        plans: by name.
        streams: how many at once, ascending, of the base's network and of the copying one; one is the base's.
        networks: which; all but the base's have a plan of their own.
    """
    if not networks:
        return
    base = Setting(plan=plans[0], network=networks[0])
    yield base
    yield from (replace(base, group="plan", plan=plan) for plan in plans[1:])
    own = [replace(base, group="network", network=network, plan=_OWN[network]) for network in networks[1:]]
    yield from own
    for alone in (base, *(setting for setting in own if setting.network == COPY)):
        yield from (replace(alone, group="streams", streams=count) for count in streams if count > 1)
    ways: set[tuple[Transport, bool]] = {(HOME, True), ("tcp", False), ("tcp", True)}
    for transport, keys in sorted(ways - {(HOME, False)}):
        yield replace(base, group="transport", transport=transport, keys=keys)
