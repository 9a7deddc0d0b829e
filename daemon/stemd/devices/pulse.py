"""What a PulseAudio server, or PipeWire in its place, has: sinks, sources, and which of them are the default."""

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from stemd.devices.patience import Hung, patiently
from stemd.errors import DeviceError

T = TypeVar("T")

_PATIENCE: Final = 2.0  # seconds for the server to answer


@dataclass(frozen=True, slots=True)
class Node:
    """A sink or a source.

    Attributes:
        name: its own, as `pactl list short` prints it.
        description: the name that mixers show.
        rate: frames per second at which it runs; others are resampled by the server.
        channels: how many.
        monitor_of: of a source, the sink whose sound it gives.
    """

    name: str
    description: str
    rate: int
    channels: int
    monitor_of: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """What a server had when it was asked."""

    name: str  # of the program: "pulseaudio", or "PulseAudio (on PipeWire 1.0.5)"
    sinks: tuple[Node, ...]
    sources: tuple[Node, ...]
    default_sink: str  # a Node's name, or empty
    default_source: str

    def default(self, direction: str) -> Node | None:
        """The default sink or source. libpulse lets the environment say another one."""
        if direction == "input":
            name = os.environ.get("PULSE_SOURCE") or self.default_source
            return next((node for node in self.sources if node.name == name), None)
        name = os.environ.get("PULSE_SINK") or self.default_sink
        return next((node for node in self.sinks if node.name == name), None)

    def monitor(self, sink: str) -> Node | None:
        """The source that gives what a sink plays."""
        return next((node for node in self.sources if node.monitor_of == sink), None)


def ask_pulse() -> Server:
    """Ask the server, and wait two seconds at most.

    Raises:
        DeviceError: see `with_pulse`.
    """
    return with_pulse(_ask)


def with_pulse(work: Callable[[Any], T]) -> T:
    """Call `work` with a pulsectl.Pulse that is connected, and wait two seconds at most.

    Raises:
        DeviceError: there is no server, it does not answer, it refuses what `work` asks, or what is needed to ask it is
            not installed.
    """
    if sys.platform != "linux":
        raise DeviceError("PulseAudio and PipeWire are asked on Linux alone; name a device of `stemd devices`")
    try:
        pulsectl = importlib.import_module("pulsectl")
        return patiently(lambda: _connected(pulsectl, work), _PATIENCE)
    except ImportError as exc:
        raise DeviceError("PulseAudio needs the package 'pulsectl': pip install 'stemd[daemon]'") from exc
    except OSError as exc:
        raise DeviceError("PulseAudio needs its library: apt-get install libpulse0") from exc
    except Hung as exc:
        raise DeviceError(f"the PulseAudio server hangs: it did not answer in {_PATIENCE:g} s; restart it") from exc


def _connected(pulsectl: Any, work: Callable[[Any], T]) -> T:
    try:
        with _asker(pulsectl)("stemd", connect=False) as pulse:
            pulse.connect(autospawn=False)  # its own timeout waits to the end however soon the server answers
            return work(pulse)
    except pulsectl.PulseOperationFailed as exc:
        raise DeviceError(f"the sound server refuses: {exc}") from exc
    except pulsectl.PulseError as exc:
        raise DeviceError("no PulseAudio or PipeWire server answers; is one running? `pactl info` tells") from exc


def _ask(pulse: Any) -> Server:
    info = pulse.server_info()
    return Server(
        info.server_name,
        tuple(_node(sink) for sink in pulse.sink_list()),
        tuple(_node(source, source.monitor_of_sink_name) for source in pulse.source_list()),
        info.default_sink_name or "",
        info.default_source_name or "",
    )


def _asker(pulsectl: Any) -> Any:
    """The class pulsectl.Pulse, but that what it lists has a `rate`.

    Its `sample_spec` lies in memory of libpulse that is given free when the callback returns: within it, it holds.
    """

    class Asker(pulsectl.Pulse):  # type: ignore[misc]
        def _pulse_info_cb(self, kind: Any, found: list[Any], *rest: Any) -> None:
            super()._pulse_info_cb(kind, found, *rest)
            for info in found[-1:]:
                if hasattr(info, "sample_spec") and not hasattr(info, "rate"):
                    info.rate = info.sample_spec.rate

    return Asker


def _node(info: Any, monitor_of: str | None = None) -> Node:
    return Node(
        info.name,
        info.description or "",
        info.rate,
        info.channel_count,
        # PipeWire says NULL, libpulse an empty string.
        monitor_of or None,
    )
