"""The devices of the daemon: one captured into a stream, one that plays a stem of it, both kept open."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from stemd.config import Config
from stemd.devices.endpoints import Endpoint, same_clock
from stemd.devices.keeper import Keeper
from stemd.devices.listing import rates_that_fit
from stemd.devices.ports import Capture, Duplex, Playback
from stemd.errors import DeviceError
from stemd.protocol import Open
from stemd.service.live.ends import Ends
from stemd.service.live.sink import Sink
from stemd.service.live.source import Source
from stemd.service.stream import Stream
from stemd.service.streams import Streams

log: Final = logging.getLogger("stemd")


class Live:
    """`await start()` once the models are warm, `await stop()` when the streams have drained.

    Args:
        config: with `capture` and `playback`.
        streams: where the stream is opened.

    Attributes:
        stream: the captured one.
        source: what feeds it.
        sink: what plays it, if anything does.
    """

    stream: Stream
    source: Source

    def __init__(self, config: Config, streams: Streams) -> None:
        self._config, self._streams = config, streams
        self._ends = Ends(config)
        self.sink: Sink | None = None
        self._keepers: list[Keeper[Any]] = []
        self._feeding: asyncio.Task[None] | None = None
        self._fed = False  # whether there is a source yet that can be told of its device
        self._troubles: dict[str, str] = {}

    async def start(self) -> None:
        """Open the devices and the stream.

        Raises:
            DeviceError: a device cannot be had, or the input hears the output.
            StemdError: the stream is refused; see `stemd.service.opening.promise`.
        """
        source, sink = await asyncio.to_thread(self._ends.find)
        duplex = sink is not None and source.index == sink.index and same_clock(source, sink)
        make: Callable[[], Capture | Duplex] = self._ends.duplex if duplex else self._ends.capture
        keeper = Keeper(make, self._capture_opened, self._capture_lost)
        port = await self._keep(keeper)
        self.stream = await self._streams.open_own(self._request(port))
        self.source = Source(self.stream, self._config.capture.block)
        self._set_mixer()
        if sink:
            await self._start_playback(source, sink, port if isinstance(port, Duplex) else None)
        self._fed = True
        if keeper.port:
            self._capture_opened(keeper.port)
        self._feeding = asyncio.create_task(self._feed(), name="stemd-capture")

    async def stop(self) -> None:
        """Close the devices."""
        if self._feeding:
            self._feeding.cancel()
            with suppress(asyncio.CancelledError):
                await self._feeding
        for keeper in self._keepers:
            await keeper.stop()
        await asyncio.to_thread(self._ends.remove)

    def check(self, config: Config) -> None:
        """Refuse what `configure` could not do.

        Raises:
            UnknownStemError: the mixer has no part of a name.
        """
        table = config.mixer
        if self.started:
            self.stream.outlet.check_parts([*table.gains, *table.mute, *table.solo])

    def configure(self, config: Config) -> None:
        """Move those controls of the mixer whose values in the configuration changed; the devices stay as they are."""
        before, after = self._config.mixer, config.mixer
        self._config = config
        if self.started and before != after:
            names = [name for name in after.__struct_fields__ if getattr(before, name) != getattr(after, name)]
            self.stream.set_mixer(**{name: getattr(after, name) for name in names})

    @property
    def started(self) -> bool:
        """Whether everything is open."""
        return self._feeding is not None

    def state(self) -> dict[str, Any]:
        """For `status`."""
        port = self._keepers[0].port if self._keepers else None
        capture = {
            "device": self._config.capture.device,
            "stream": self._config.capture.stream,
            "trouble": self._troubles.get("capture"),
            "xruns": port.xruns if port else 0,
            "lost": self.source.missed,
            "broken": self.source.broken,
            "device_latency": round(port.reported_latency, 4) if port else None,
        }
        if not self.sink:
            return {"capture": capture, "playback": None}
        playback = {
            "device": self._config.playback.device,
            "trouble": self._troubles.get("playback"),
            **self.sink.state(),
        }
        return {"capture": capture, "playback": playback}

    def _request(self, port: Capture | Duplex) -> Open:
        settings = self._config.capture
        return Open(
            request=0,
            stream=settings.stream,
            rate=port.rate,
            channels=port.channels,
            format="f32le",
            block=settings.block,
            timing="realtime",
            plan=settings.plan or None,
            model=settings.model or None,
            stems=None,
        )

    def _set_mixer(self) -> None:
        table = self._config.mixer
        self.stream.set_mixer(gains=table.gains, mute=table.mute, solo=table.solo, wet=table.wet, bypass=table.bypass)

    async def _start_playback(self, source: Endpoint, sink: Endpoint, duplex: Duplex | None) -> None:
        settings = self._config.playback
        rate = self.stream.promise.request.rate
        target = duplex.rate if duplex else settings.rate or await asyncio.to_thread(_best_rate, sink, rate)
        one_clock = settings.clock == "same" or (settings.clock == "auto" and same_clock(source, sink))
        clock = "one device" if duplex else "same" if one_clock and target == rate else "own"
        self.sink = Sink(settings, self.stream.promise, self.stream.inlet.timebase, clock=clock, target_rate=target)
        self.stream.play_to(self.sink)
        if duplex:
            return

        make = partial(self._ends.playback, target)
        await self._keep(Keeper(make, self._playback_opened, self._playback_lost))

    async def _keep(self, keeper: Keeper[Any]) -> Any:
        self._keepers.append(keeper)
        return await keeper.start()

    async def _feed(self) -> None:
        try:
            await self.source.run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("capturing failed; the stream goes on in silence", extra={"stream": self.stream.name})

    def _capture_opened(self, port: Capture | Duplex) -> None:
        if not self._fed:
            return  # see start
        self._troubles.pop("capture", None)
        if isinstance(port, Duplex) and self.sink:
            self.sink.opened(port)
        self.source.opened(port, self.sink)

    def _capture_lost(self, fault: DeviceError) -> None:
        about = {"device": self._config.capture.device, "stream": self._config.capture.stream, "code": fault.code}
        log.warning("capture: %s; the stream goes on in silence", fault, extra=about)
        self._troubles["capture"] = str(fault)
        if self._fed:
            self.source.lost()
        if self.sink and len(self._keepers) == 1:
            self.sink.lost()  # it is the same device

    def _playback_opened(self, port: Playback) -> None:
        self._troubles.pop("playback", None)
        if self.sink:
            self.sink.opened(port)

    def _playback_lost(self, fault: DeviceError) -> None:
        about = {"device": self._config.playback.device, "code": fault.code}
        log.warning("playback: %s", fault, extra=about)
        self._troubles["playback"] = str(fault)
        if self.sink:
            self.sink.lost()


def _best_rate(sink: Endpoint, rate: int) -> int:
    """The stream's rate where the device can, else its own."""
    return rate if rate in (*rates_that_fit(sink, "output"), sink.rate) else sink.rate
