"""Sinks and microphones of PulseAudio or PipeWire that stemd makes itself, and removes.

As an input, `virtual:karaoke` is a sink `karaoke`: whatever other programs play into it is captured. As an output it is
a source `karaoke`, a microphone to other programs, which hear in it what stemd plays.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from stemd.devices.endpoints import PULSE, VIRTUAL, Direction
from stemd.devices.pulse import with_pulse
from stemd.errors import DeviceError
from stemd.protocol import NAME

_OWNER: Final = "stemd.process"  # a property of what was made, with the number of the process
_OWNED: Final = re.compile(rf"{re.escape(_OWNER)}=(\d+)")
_SINK: Final = "module-null-sink"
_REMAP: Final = "module-remap-source"


@dataclass(frozen=True, slots=True)
class Virtual:
    """A device to be made.

    Attributes:
        name: what other programs see.
        direction: as stemd sees it: an input is a sink, an output a microphone.
        rate: frames per second.

    Raises:
        DeviceError: the name is none that a sound server takes.
    """

    name: str
    direction: Direction
    rate: int

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise DeviceError(f"{VIRTUAL}{self.name}: a name has 1 to 64 of A-Z a-z 0-9 . _ -")

    @property
    def sink(self) -> str:
        """The null sink behind it."""
        return self.name if self.direction == "input" else f"{self.name}.stemd"

    @property
    def endpoint(self) -> str:
        """The device that stemd opens."""
        return f"{PULSE}{self.sink}.monitor" if self.direction == "input" else f"{PULSE}{self.sink}"

    def ensure(self) -> str:
        """Make it, unless it is there from before; the device to open.

        What a process left behind that was killed is removed, and made anew.

        Raises:
            DeviceError: the name is taken, or the sound server does not answer or refuses.
        """
        return with_pulse(self._ensure)

    def remove(self) -> None:
        """Remove it, if this process has made it and the sound server still has it."""
        with suppress(DeviceError):
            with_pulse(lambda pulse: self._unload(pulse, os.getpid()))

    def _ensure(self, pulse: Any) -> str:
        owners = [owner for owner, _ in self._modules(pulse)]
        if owners.count(os.getpid()) == (1 if self.direction == "input" else 2):
            return self.endpoint
        for owner in set(owners):
            if owner == os.getpid() or not _alive(owner):
                self._unload(pulse, owner)
        if self._there(pulse):
            raise DeviceError(
                f"{VIRTUAL}{self.name}: there is a sink or a source of this name already; choose another name, or name "
                "that one as `stemd devices` does"
            )
        self._load(pulse)
        return self.endpoint

    def _there(self, pulse: Any) -> bool:
        names = {node.name for node in (*pulse.sink_list(), *pulse.source_list())}
        return self.name in names or self.sink in names

    def _load(self, pulse: Any) -> None:
        # Without `norewinds` the sink takes back part of what was played, and the first second is partly lost.
        words = "plays into stemd" if self.direction == "input" else "where stemd plays"
        made = f"sink_name={self.sink} rate={self.rate} channels=2 format=float32le norewinds=yes"
        pulse.module_load(_SINK, f"{made} sink_properties={self._properties(words)}")
        if self.direction == "output":
            master = f"master={self.sink}.monitor source_name={self.name} channels=2"
            try:
                pulse.module_load(_REMAP, f"{master} source_properties={self._properties('from stemd')}")
            except BaseException:
                self._unload(pulse, os.getpid())
                raise

    def _properties(self, words: str) -> str:
        return f"'{_OWNER}={os.getpid()} device.description=\"{self.name} ({words})\"'"

    def _unload(self, pulse: Any, owner: int) -> None:
        for other, index in reversed(self._modules(pulse)):  # the source first, that the sink's monitor feeds
            if other == owner:
                pulse.module_unload(index)

    def _modules(self, pulse: Any) -> list[tuple[int, int]]:
        """The modules that make this device, as (owner, index), in the order in which they were loaded."""
        mine = {f"sink_name={self.sink}", f"source_name={self.name}"}
        found = []
        for module in pulse.module_list():
            text = module.argument or ""
            owner = _OWNED.search(text)
            if owner and mine & set(text.split()):
                found.append((int(owner[1]), module.index))
        return sorted(found, key=lambda each: each[1])


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def virtual(device: str, direction: Direction, rate: int) -> Virtual | None:
    """The device that is to be made where a name asks for one.

    Raises:
        DeviceError: the name is none that a sound server takes.
    """
    return Virtual(device.removeprefix(VIRTUAL), direction, rate) if device.startswith(VIRTUAL) else None
