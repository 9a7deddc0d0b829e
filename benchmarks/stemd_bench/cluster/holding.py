"""How many streams a daemon holds whose networks run on servers, or here on as many cores as one server has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from stemd_bench.streams import capacity
from stemd_bench.streams.networks import Network

UNITS: Final = {
    **dict.fromkeys(("admitted", "held", "broke"), "streams"),
    "declared": "ms",
    **dict.fromkeys(("late_p50", "late_p99"), "ms"),
    **dict.fromkeys(("cpu_per_stream", "daemon_cpu", "client_cpu", "others"), "% of a core"),
    "degraded": "blocks",
    "memory": "MiB",
    "times_one": "",
}
_NAMES: Final = {"added_p50": "late_p50", "added_p99": "late_p99"}
_HERE: Final = """
[engine]
threads = 1
"""
_THERE: Final = """
[engine]
name = "triton"

[engine.triton]
endpoints = [{endpoints}]
shared_memory = false
"""


def on_servers(network: Network, addresses: Sequence[str]) -> Network:
    """The same, run by servers at these addresses; without any by the daemon itself, with one thread."""
    quoted = ", ".join(f'"{address}"' for address in addresses)
    return replace(network, config=network.config + (_THERE.format(endpoints=quoted) if addresses else _HERE))


def measure(network: Network, plan: str, seconds: float, streams: int, tries: int) -> Mapping[str, float]:
    """Figures of a daemon with this network: see `capacity`."""
    with capacity.stage(network, plan, seconds) as on:
        found, _ = capacity.capacity(on, streams, tries)
    named = {_NAMES.get(name, name): value for name, value in found.items()}
    return {name: value for name, value in named.items() if name in UNITS}
