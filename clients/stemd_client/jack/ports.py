"""stemd as JACK sees it: a client with its ports, callbacks and latencies."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from stemd.errors import DeviceError
from stemd_client.jack.engine import Engine, Voice
from stemd_client.jack.latency import through
from stemd_client.jack.library import CAPTURE, Latencies, Range
from stemd_client.jack.wiring import INPUT

_INPUT_SECONDS: Final = 30  # that may wait to be sent: while JACK freewheels, as many as the longest latency
_STEM_SECONDS: Final = 4  # that may wait to be played


class Ports:
    """Inside `with`, the client is active; afterwards it is closed. Belongs to one event loop.

    Attributes:
        engine: what the callback does.
        xruns: how often JACK said that somebody was too late.
        appeared: names of ports that somebody registered, for `Wiring` to take out.
        gone: why JACK has shut this client down; None while it runs.

    Args:
        module: the module `jack`.
        client: of it, not yet active.
        always: stems that are wanted though nothing is connected.
        changed: called on the event loop when ports, connections, the period or freewheeling changed, and when JACK
            has gone.
    """

    def __init__(self, module: Any, client: Any, always: Iterable[str], changed: Callable[[], None]) -> None:
        self._module, self._client = module, client
        self._always, self._changed = frozenset(always), changed
        self._loop = asyncio.get_running_loop()
        self.rate: int = client.samplerate
        self._inputs = tuple(self._register(client.inports, f"{INPUT}_{n}") for n in (1, 2))
        self.engine = Engine(client, self._inputs, _INPUT_SECONDS * self.rate)
        self.xruns = 0
        self.gone: str | None = None
        self.appeared: deque[str] = deque()
        self._latencies = Latencies(client, self._tell)
        client.set_process_callback(self.engine.process)
        client.set_blocksize_callback(self._resized)
        client.set_freewheel_callback(self._freewheel)
        client.set_xrun_callback(self._xrun)
        client.set_shutdown_callback(self._shut_down)
        client.set_port_registration_callback(self._registered, only_available=False)
        client.set_port_connect_callback(lambda *_: self._post(), only_available=False)

    def __enter__(self) -> "Ports":
        self._client.activate()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.give_up()
        self._client.deactivate(ignore_errors=True)
        self._client.close(ignore_errors=True)

    @property
    def name(self) -> str:
        """The client's name, as JACK gave it."""
        return str(self._client.name)

    @property
    def parts(self) -> Mapping[str, Sequence[Any]]:
        """The ports by `in` or stem."""
        return {INPUT: self._inputs, **{voice.stem: voice.ports for voice in self.engine.voices}}

    def offer(self, stems: Iterable[str]) -> list[str]:
        """Have ports for these stems, those that were there before included; the new ones' names.

        Raises:
            DeviceError: JACK has no more ports.
        """
        known = {voice.stem for voice in self.engine.voices}
        fresh = [self._voice(stem) for stem in stems if stem not in known]
        self.engine.voices = (*self.engine.voices, *fresh)
        return [voice.stem for voice in fresh]

    def delay_by(self, frames: int) -> None:
        """Play every stem so many frames after the mixture, and tell JACK."""
        if frames != self.engine.delay:
            self.engine.delay = frames
            self._latencies.recompute()

    def _voice(self, stem: str) -> Voice:
        one, two = (self._register(self._client.outports, f"{stem}_{n}") for n in (1, 2))
        voice = Voice(stem, (one, two), _STEM_SECONDS * self.rate)
        voice.always = stem in self._always
        return voice

    def _register(self, ports: Any, name: str) -> Any:
        try:
            return ports.register(name)
        except self._module.JackError as exc:
            raise DeviceError(f"JACK gives no port {name!r}: {exc}; start it with room for more (--port-max)") from exc

    def _tell(self, mode: int) -> None:
        """Set the latencies at one side from those at the other; all inputs go into each output."""
        outputs = [port for voice in self.engine.voices for port in voice.ports]
        here, there = (self._inputs, outputs) if mode == CAPTURE else (outputs, self._inputs)
        latency = through(self._connected(here, mode), self.engine.delay or 0)
        for port in there:
            self._latencies.set(port, mode, latency)

    def _connected(self, ports: Iterable[Any], mode: int) -> Iterable[Range]:
        return [self._latencies.get(port, mode) for port in ports if port.number_of_connections]

    def _resized(self, period: int) -> None:
        if period != self.engine.period:
            self.engine.resize(period)
            self._post()

    def _freewheel(self, starting: bool) -> None:
        self.engine.freewheel(starting=starting)
        self._post()

    def _registered(self, port: Any, there: bool) -> None:
        if there and port is not None:
            self.appeared.append(port.name)
        self._post()

    def _xrun(self, _microseconds: float) -> None:
        if not self.engine.freewheeling:
            self.xruns += 1

    def _shut_down(self, _status: Any, reason: str) -> None:
        self.gone = reason or "it was stopped"
        self._post()

    def _post(self) -> None:
        """Wake the event loop from a thread of JACK's, of which only the callback itself may not wait."""
        self._loop.call_soon_threadsafe(self._changed)
