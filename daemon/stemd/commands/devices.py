"""`stemd devices`: the sound devices, by the names under which other commands know them."""

import argparse
import json
import shlex
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

from rich.console import Console
from rich.table import Column, Table

from stemd.devices.endpoints import PULSE, SYSTEM, Direction, Endpoint, feeds_itself, same_clock
from stemd.devices.listing import (
    default_endpoint,
    list_endpoints,
    rates_that_fit,
    served,
    system_endpoint,
)
from stemd.errors import DeviceError

_COLUMNS: Final = ("name", "channels", "rate", "rates that fit", "through", "")
_DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)


@dataclass(frozen=True, slots=True)
class Row:
    """A device in one direction."""

    endpoint: Endpoint
    direction: Direction
    name: str  # to be typed
    rates: tuple[int, ...]
    default: bool

    def as_tree(self) -> dict[str, Any]:
        """For scripts."""
        told = asdict(self.endpoint)
        del told["inputs"], told["outputs"]
        channels = self.endpoint.channels(self.direction)
        return {**told, "name": self.name, "channels": channels, "rates": self.rates, "default": self.default}


def run(options: argparse.Namespace) -> int:
    """Print a table, or JSON; 1 if there is no device at all.

    Raises:
        DeviceError: PortAudio is not there or does not answer.
    """
    endpoints = list_endpoints()
    rows = {direction: _rows(endpoints, direction) for direction in _DIRECTIONS}
    clocks = _clocks(rows["input"], rows["output"])
    example = _example(rows)
    if options.json:
        tree: dict[str, Any] = {f"{d}s": [row.as_tree() for row in rows[d]] for d in _DIRECTIONS}
        print(json.dumps({**tree, "same_clock": clocks, "example": example}, indent=2))
    else:
        _print(rows, clocks, example)
    return 0 if endpoints else 1


def _rows(endpoints: list[Endpoint], direction: Direction) -> list[Row]:
    here = [e.only(direction) if e.pulse else served(e, direction) for e in endpoints if e.channels(direction)]
    default = _default(direction)
    names = Counter(endpoint.name for endpoint in here)
    rows = []
    if direction == "input" and (system := _system()):
        rows.append(Row(system, direction, SYSTEM, rates_that_fit(system, direction), default=False))
    for endpoint in here:
        # Several systems may know a device by one name; then only the number tells.
        name = endpoint.name if names[endpoint.name] == 1 else str(endpoint.index)
        rates = rates_that_fit(endpoint, direction)
        rows.append(Row(endpoint, direction, name, rates, default is not None and _same(endpoint, default)))
    return rows


def _same(endpoint: Endpoint, default: Endpoint) -> bool:
    if endpoint.name.startswith(PULSE):
        return endpoint.pulse == default.pulse
    return endpoint.index == default.index


def _default(direction: Direction) -> Endpoint | None:
    try:
        return default_endpoint(direction)
    except DeviceError:
        return None


def _system() -> Endpoint | None:
    try:
        return system_endpoint()
    except DeviceError:
        return None


def _clocks(inputs: list[Row], outputs: list[Row]) -> list[tuple[str, str]]:
    """Pairs that share a clock, without the other names of what is behind a sound server."""
    ins, outs = ([r for r in rows if r.name.startswith(PULSE) or not r.endpoint.pulse] for rows in (inputs, outputs))
    return [(i.name, o.name) for i in ins for o in outs if same_clock(i.endpoint, o.endpoint)]


def _example(rows: dict[Direction, list[Row]]) -> str | None:
    """A command line that works here and does not feed itself; None where an input or an output lacks."""
    pairs = [
        (source, sink)
        for source in sorted(rows["input"], key=_merit)
        for sink in sorted(rows["output"], key=_merit)
        if not feeds_itself(source.endpoint, sink.endpoint)
    ]
    if not pairs:
        return None
    source, sink = (shlex.quote(row.name) for row in pairs[0])
    return f"stemd live --input {source} --output {sink} --remove vocals"


def _merit(row: Row) -> tuple[bool, bool]:
    # What the machine plays is what most want to hear without its singer; after it, the default.
    return (row.name != SYSTEM, not row.default)


def _print(rows: dict[Direction, list[Row]], clocks: list[tuple[str, str]], example: str | None) -> None:
    for direction in _DIRECTIONS:
        if rows[direction]:
            print(f"{direction.capitalize()}s")
            _table(rows[direction])
        else:
            print(f"No {direction} device.")
        print()
    if not any(rows.values()):
        print(
            "There is no sound device at all. Plug one in, or start PulseAudio or PipeWire and make sure that"
            "\nlibasound2-plugins is installed; in a container pass on /dev/snd or the sound server's socket."
        )
        return
    if clocks:
        print("One clock, so that nothing drifts:")
        for source, sink in clocks:
            print(f"  {source} and {sink}")
        print()
    if example:
        print(f"For example: {example}")


def _table(rows: list[Row]) -> None:
    table = Table(*(Column(title, no_wrap=True) for title in _COLUMNS), box=None, pad_edge=False)
    for row in rows:
        rates = ", ".join(map(str, row.rates)) or "none now; in use?"
        if row.endpoint.pulse:
            rates = "any, resampled"
        channels = str(row.endpoint.channels(row.direction))
        remark = "default" if row.default else ""
        if row.endpoint.monitor_of:
            remark = f"what {row.endpoint.monitor_of} plays"
        table.add_row(row.name, channels, str(row.endpoint.rate), rates, row.endpoint.host_api, remark)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1_000)).maximum)
    console.print(table)
