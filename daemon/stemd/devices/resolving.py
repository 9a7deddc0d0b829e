"""The sound device that a name means."""

from stemd.devices.endpoints import DEFAULT, PULSE, SYSTEM, VIRTUAL, Direction, Endpoint
from stemd.devices.listing import (
    default_endpoint,
    list_endpoints,
    portaudio_endpoints,
    pulse_endpoints,
    served,
    system_endpoint,
)
from stemd.devices.pulse import ask_pulse
from stemd.errors import DeviceError, nearest


def resolve(name: str, direction: Direction) -> Endpoint:
    """The device that a user means, in one direction.

    Args:
        name: empty or `default`; a number; a device's name; a part of one, in any case, that fits no other;
            `pulse:NAME`, a sink or source of PulseAudio or PipeWire; `system`, what the default sink plays.
        direction: what it is wanted for.

    Raises:
        DeviceError: there is no such device, or there are several.
    """
    if name in ("", DEFAULT):
        return default_endpoint(direction)
    if name == SYSTEM:
        if direction == "output":
            raise DeviceError(f"{SYSTEM!r} is an input: what this machine plays; the default output is {DEFAULT!r}")
        return system_endpoint()
    if name.startswith(VIRTUAL):
        raise DeviceError(
            f"{name!r} is made by `stemd live` and `stemd serve` alone; `stemd devices` lists what is there"
        )
    if name.startswith(PULSE):
        # Not by the list of all: here it matters why PulseAudio does not answer.
        found = pulse_endpoints(portaudio_endpoints(), ask_pulse())
        return _one([e for e in found if e.name == name], name, direction, found)
    found = list_endpoints()
    return _one(_fitting(name, found, direction), name, direction, found)


def _fitting(name: str, known: list[Endpoint], direction: Direction) -> list[Endpoint]:
    """Those that a number, a name or a part of one fits; in the other direction where there is none in this one."""
    if name.isdecimal():
        return [e for e in known if e.index == int(name) and not e.name.startswith(PULSE)]
    exact = [e for e in known if name in (e.name, e.full_name)]
    if any(e.channels(direction) for e in exact):
        return exact
    parts = [e for e in known if name.lower() in e.full_name.lower()]
    return parts if any(e.channels(direction) for e in parts) else exact or parts


def _one(fitting: list[Endpoint], name: str, direction: Direction, known: list[Endpoint]) -> Endpoint:
    found = [e for e in fitting if e.channels(direction)]
    if len(found) > 1:
        names = "; ".join(e.full_name if e.name.startswith(PULSE) else f"{e.index}: {e.full_name}" for e in found)
        raise DeviceError(f"{name!r} fits several {direction} devices ({names}); say more of the name, or the number")
    if found:
        return found[0] if found[0].pulse else served(found[0], direction)
    if fitting:
        other = "output" if direction == "input" else "input"
        raise DeviceError(f"{name!r} is an {other}, not an {direction}; {_words(known, direction)}")
    near = nearest(name, {e.name for e in known if e.channels(direction)})
    raise DeviceError(f"there is no {direction} device {name!r}{near}; {_words(known, direction)}")


def _words(known: list[Endpoint], direction: Direction) -> str:
    if not any(e.channels(direction) for e in known):
        return f"this machine has no {direction} device at all"
    return "`stemd devices` lists them"
