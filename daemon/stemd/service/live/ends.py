"""The devices at the ends of the live stream: found by name whenever one is opened, and made where they are virtual."""

from typing import Final, TypeVar

from stemd.config import Config
from stemd.devices.endpoints import Direction, Endpoint, feeds_itself
from stemd.devices.port import Port
from stemd.devices.ports import Capture, Duplex, Playback
from stemd.devices.resolving import resolve
from stemd.devices.virtual import Virtual, virtual
from stemd.errors import DeviceError

P = TypeVar("P", bound=Port)

_VIRTUAL_RATE: Final = 48_000  # of a device that stemd makes, where the configuration says none


class Ends:
    """All methods wait for the sound system: call them in a thread.

    Args:
        config: with `capture` and `playback`.

    Raises:
        DeviceError: the name of a virtual device is none.
    """

    def __init__(self, config: Config) -> None:
        self._capture, self._playback = config.capture, config.playback
        self._priority = config.realtime.audio_priority
        self._names: dict[Direction, str] = {"input": self._capture.device, "output": self._playback.device}
        rates: dict[Direction, int] = {"input": self._capture.rate, "output": self._playback.rate}
        self._virtual: dict[Direction, Virtual] = {}
        for direction, name in self._names.items():
            if made := virtual(name, direction, rates[direction] or _VIRTUAL_RATE):
                self._virtual[direction] = made

    def find(self) -> tuple[Endpoint, Endpoint | None]:
        """The devices: what is captured, and what is played to, if anything is.

        Raises:
            DeviceError: there is no such device, or the input hears the output.
        """
        source = self._find("input")
        if not self._names["output"]:
            return source, None
        sink = self._find("output")
        if feeds_itself(source, sink):
            raise DeviceError(
                f"the input {source.name!r} hears what the output {sink.name!r} plays, so stemd would hear itself: "
                "play to another device, or capture from another"
            )
        return source, sink

    def capture(self) -> Capture:
        """The input, not yet open."""
        settings = self._capture
        endpoint = self._find("input")
        channels = settings.channels or None
        return self._hurried(Capture(endpoint, settings.rate or None, channels, settings.period, settings.latency))

    def duplex(self) -> Duplex:
        """Both in one, not yet open."""
        capture, playback = self._capture, self._playback
        channels = (capture.channels or None, playback.channels or None)
        ends = (self._find("input"), self._find("output"))
        return self._hurried(Duplex(*ends, capture.rate or None, channels, capture.period, capture.latency))

    def playback(self, rate: int) -> Playback:
        """The output at a rate, not yet open."""
        settings = self._playback
        endpoint = self._find("output")
        channels = settings.channels or None
        return self._hurried(Playback(endpoint, rate, channels, settings.period, settings.latency))

    def remove(self) -> None:
        """Remove what was made."""
        for made in self._virtual.values():
            made.remove()

    def _hurried(self, port: P) -> P:
        port.priority = self._priority
        return port

    def _find(self, direction: Direction) -> Endpoint:
        made = self._virtual.get(direction)
        # A sound server that was started anew has lost what was made.
        return resolve(made.ensure() if made else self._names[direction], direction)
