"""The daemon: two sockets, the sessions behind them, and where each message goes."""

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import zmq

from stemd import __version__
from stemd import protocol as wire
from stemd.config import Config
from stemd.errors import ProtocolError, StemdError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Lane
from stemd.separation.threads import ThreadPool
from stemd.service.courier import Courier, fault
from stemd.service.library import Library
from stemd.service.listeners import Listeners
from stemd.service.live.live import Live
from stemd.service.plans import resolve
from stemd.service.port import Port, Receiver
from stemd.service.sessions import GONE_AFTER_NS, Session, Sessions
from stemd.service.streams import Streams
from stemd.service.tap import Tap
from stemd.service.tuning import memory

log: Final = logging.getLogger("stemd")
CAPABILITIES: Final = ("realtime", "free", "gain", "mixer", "moved")
_WATCH_INTERVAL: Final = 0.5


class Server:
    """`async with Server(config) as server:` is ready once entered, and drains when left.

    Raises:
        ConfigError: on entering, the address is in use or cannot be bound.
        ModelLoadError: on entering, a model cannot be loaded.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.live: Live | None = None
        self._sessions = Sessions()
        self._watcher: asyncio.Task[None] | None = None
        self._ports: list[Port] = []
        self._began = time.monotonic()
        self._handlers: dict[type, Callable[[Session, Any, memoryview], None]] = {
            wire.Mixture: lambda session, m, pcm: self._streams.owned(session, m.stream).take(m, pcm),
            wire.Credit: self._credit,
            wire.Ping: self._ping,
            wire.Open: lambda session, m, _: self._streams.begin(session, m),
            wire.Close: lambda session, m, _: self._streams.close(session, m),
            wire.Subscribe: self._subscribe,
            wire.Unsubscribe: self._unsubscribe,
            wire.SetGain: self._set_gain,
            wire.SetMixer: self._set_mixer,
            wire.Status: lambda session, m, _: self._courier.reply(session, wire.State(m.request, self.state())),
            wire.Bye: lambda session, _, __: self._leave(session, at_once=True),
        }

    async def __aenter__(self) -> Self:
        """Bind, load, warm up."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._pool = ThreadPool(EngineOptions.configured(self.config.engine))
        self._library = Library(self._pool, self.config.model_folders, memory(self.config.engine))
        try:
            requests = self._bind(self.config.address.requests, self._on_request)
            stems = self._bind(self.config.address.stems, self._on_stems)
            self._stems = stems
            self._courier = Courier(requests, stems, self._sessions)
            self._listeners = Listeners(self.config.server, self._courier)
            self._streams = Streams(
                *(self.config, self._pool, self._library, self._sessions, self._listeners, self._courier)
            )
            if self.config.server.tap:
                tap = Tap(self._listeners, self._streams.open.get)
                tap.port = self._bind(self.config.server.tap, tap.receive, zmq.XPUB)
            await self._warm()
            if self.config.capture.device:
                self.live = Live(self.config, self._streams)
                await self.live.start()
        except BaseException:
            await self._release()
            raise
        self._watcher = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain, then let go of everything."""
        await self._streams.drain()
        await self._release()

    def state(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "version": __version__,
            "uptime": round(time.monotonic() - self._began, 1),
            "clients": len(self._sessions),
            "models": sorted(self._library.models),
            "load": round(self._streams.load, 4),
            "pending": [{"stream": s.stream, "stem": s.stem} for s in self._listeners.pending()],
            "streams": self._streams.state(),
            "devices": self.live.state() if self.live and self.live.started else None,
        }

    def _bind(self, endpoint: str, receiver: Receiver, kind: int = zmq.ROUTER) -> Port:
        port = Port(self._context, endpoint, receiver, kind)
        self._ports.append(port)
        return port

    async def _warm(self) -> None:
        for name in dict.fromkeys((self.config.models.default, *self.config.models.preload)):
            model = await self._library.load(name)
            plan = resolve(None, self.config, model)
            everything = range(len(model.manifest.specialists))
            for lane in Lane:
                await self._library.timings(model, plan, lane, everything)

    async def _release(self) -> None:
        if self._watcher:
            self._watcher.cancel()
        if self.live:
            await self.live.stop()
        for port in self._ports:
            port.close()
        await asyncio.to_thread(self._pool.close)
        await asyncio.to_thread(self._context.term)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            now = time.monotonic_ns()
            for session in self._sessions:
                if now - session.heard_ns > GONE_AFTER_NS:
                    log.info("client %s has gone", session.client)
                    self._leave(session, at_once=False)
            self._streams.look_after()
            self._listeners.look_after(self._streams.open)

    # --- messages in -------------------------------------------------------------------------------------------

    def _on_request(self, peer: bytes, frames: list[bytes]) -> None:
        number, stream = None, None
        try:
            if session := self._sessions.known(peer):
                session.heard_ns = time.monotonic_ns()
            message, pcm = wire.from_client(frames)
            number, stream = getattr(message, "request", None), getattr(message, "stream", None)
            self._dispatch(peer, message, pcm)
        except StemdError as error:
            number = number if number is not None else wire.request_of(frames)
            self._courier.refuse(peer, error, request=number, stream=stream)
        except Exception:
            # One client's message must never end the daemon for the others.
            log.exception("a request failed inside the daemon")
            failure = StemdError("the daemon failed at this request; see its log")
            self._courier.refuse(peer, failure, request=number, stream=stream)

    def _dispatch(self, peer: bytes, message: wire.FromClient, pcm: memoryview) -> None:
        if isinstance(message, wire.Hello):
            self._hello(peer, message)
        elif handler := self._handlers.get(type(message)):
            handler(self._sessions.of(peer), message, pcm)
        else:
            raise ProtocolError(f"{message.kind.decode()} belongs on the socket for stems")

    def _on_stems(self, peer: bytes, frames: list[bytes]) -> None:
        try:
            message, _ = wire.from_client(frames)
            if not isinstance(message, wire.Attach):
                raise ProtocolError("this socket takes `attach` alone; send requests to the other")
            session = self._sessions.named(message.session)
            if session is None:
                raise ProtocolError("no such session; say hello on the socket for requests, then attach")
        except StemdError as error:
            self._stems.send(peer, wire.to_frames(fault(error)))
            return
        session.stems_peer = peer
        self._stems.send(peer, wire.to_frames(wire.Attached(message.session)))

    def _hello(self, peer: bytes, hello: wire.Hello) -> None:
        if hello.major != wire.MAJOR:
            raise ProtocolError(
                f"protocol {hello.major}.{hello.minor} is not spoken here, {wire.MAJOR}.{wire.MINOR} is; "
                f"install a client that goes with stemd {__version__}"
            )
        session = self._sessions.known(peer)
        session = session or self._sessions.add(peer, hello.client, time.monotonic_ns(), hello.capabilities)
        daemon = f"stemd {__version__}"
        welcome = wire.Welcome(hello.request, wire.MAJOR, wire.MINOR, daemon, session.token, CAPABILITIES)
        self._courier.reply(session, welcome)

    def _ping(self, session: Session, ping: wire.Ping, _: memoryview) -> None:
        received = time.monotonic_ns()
        self._courier.reply(session, wire.Pong(ping.sent_ns, received, time.monotonic_ns()))

    def _subscribe(self, session: Session, request: wire.Subscribe, _: memoryview) -> None:
        subscription = self._listeners.add(session, request, self._streams.open.get(request.stream))
        self._courier.reply(session, wire.Subscribed(request.request, subscription.number, subscription.position))

    def _unsubscribe(self, session: Session, request: wire.Unsubscribe, _: memoryview) -> None:
        if subscription := self._listeners.of(session, request.subscription):
            self._listeners.forget(subscription, self._streams.open.get(subscription.stream))
        self._courier.reply(session, wire.Unsubscribed(request.request, request.subscription))

    def _credit(self, session: Session, message: wire.Credit, _: memoryview) -> None:
        if subscription := self._listeners.of(session, message.subscription):
            self._listeners.credit(subscription, message.until, self._streams.open.get(subscription.stream))

    def _set_gain(self, session: Session, request: wire.SetGain, _: memoryview) -> None:
        stream = self._streams.named(request.stream)
        position = stream.set_mixer(gains=request.gains)
        mixer = stream.outlet.mixer
        answer = wire.GainSet(request.request, request.stream, mixer.state()["gains"], position, mixer.ramp)
        self._courier.reply(session, answer)

    def _set_mixer(self, session: Session, request: wire.SetMixer, _: memoryview) -> None:
        stream = self._streams.named(request.stream)
        position = stream.set_mixer(mute=request.mute, solo=request.solo, wet=request.wet, bypass=request.bypass)
        mixer = stream.outlet.mixer
        answer = wire.MixerSet(request.request, request.stream, **mixer.state(), position=position, ramp=mixer.ramp)
        self._courier.reply(session, answer)

    def _leave(self, session: Session, *, at_once: bool) -> None:
        self._sessions.remove(session)
        for subscription in self._listeners.owned_by(session):
            self._listeners.forget(subscription, self._streams.open.get(subscription.stream))
        self._streams.leave(session, at_once=at_once)
