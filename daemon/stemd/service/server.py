"""The daemon: two sockets, the sessions behind them, and the streams between."""

import asyncio
import itertools
import logging
import time
from types import TracebackType
from typing import Any, Final, Self

import zmq

from stemd import __version__
from stemd import protocol as wire
from stemd.config import Config
from stemd.errors import (
    Overloaded,
    ProtocolError,
    StemdError,
    StreamClosed,
    StreamExistsError,
    SubscriberStalled,
    UnknownStreamError,
)
from stemd.separation.pool import Lane
from stemd.separation.threads import ThreadPool
from stemd.service.admission import Demand
from stemd.service.library import Library
from stemd.service.opening import named_plan, promise
from stemd.service.port import Port
from stemd.service.sessions import GONE_AFTER_NS, Session, Sessions
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription

log: Final = logging.getLogger("stemd")
CAPABILITIES: Final = ("realtime", "free", "gain")


class Server:
    """`async with Server(config) as server: await server.stopped()`; ready once entered."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.streams: dict[str, Stream] = {}
        self.subscriptions: dict[int, Subscription] = {}
        self._sessions = Sessions()
        self._demands: dict[str, Demand] = {}
        self._opening: set[str] = set()
        self._closers: dict[str, int] = {}  # who asked a stream to close, by request number
        self._orphans: dict[str, int] = {}  # since when a realtime stream has no owner
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._began_ns = time.monotonic_ns()

    async def __aenter__(self) -> Self:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._pool = ThreadPool(self.config.engine.thread_count())
        self._library = Library(self._pool, self.config.model_folders)
        address = self.config.address
        self._ports: list[Port] = []
        try:
            self._requests = Port(self._context, address.requests, self._on_request)
            self._ports.append(self._requests)
            self._stems = Port(self._context, address.stems, self._on_stems)
            self._ports.append(self._stems)
            await self._warm()
        except BaseException:
            await self._release()
            raise
        self._start(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain()
        await self._release()

    async def _warm(self) -> None:
        for name in dict.fromkeys((self.config.models.default, *self.config.models.preload)):
            model = await self._library.load(name)
            plan = named_plan(self.config.plan, self.config, model)
            for lane in Lane:
                await self._library.timings(model, plan.segment, lane)

    async def drain(self) -> None:
        """Take nothing new, let work go on for `drain_timeout`, then end every stream and say so."""
        self._stopping = True
        deadline = time.monotonic() + self.config.server.drain_timeout
        for stream in list(self.streams.values()):
            stream.close()
        while self.streams and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for stream in list(self.streams.values()):
            stream.cut()

    async def _release(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for port in self._ports:
            port.close()
        await asyncio.to_thread(self._pool.close)
        await asyncio.to_thread(self._context.term)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages in -------------------------------------------------------------------------------------------

    def _on_request(self, peer: bytes, frames: list[bytes]) -> None:
        number = stream = None
        try:
            if session := self._sessions.known(peer):
                session.heard_ns = time.monotonic_ns()
            message, pcm = wire.from_client(frames)
            number = getattr(message, "request", None)
            stream = getattr(message, "stream", None)
            self._handle(peer, message, pcm)
        except StemdError as fault:
            number = number if number is not None else wire.request_of(frames)
            self._fault(peer, fault, request=number, stream=stream)
        except Exception:
            log.exception("a request failed inside the daemon")
            self._fault(
                peer, StemdError("the daemon failed at this request; see its log"), request=number, stream=stream
            )

    def _on_stems(self, peer: bytes, frames: list[bytes]) -> None:
        try:
            message, _ = wire.from_client(frames)
            if not isinstance(message, wire.Attach):
                raise ProtocolError("this socket takes `attach` alone; send requests to the other")
            session = self._sessions.named(message.session)
            if session is None:
                raise ProtocolError("no such session; say hello on the socket for requests, then attach")
        except StemdError as fault:
            self._stems.send(peer, wire.to_frames(_fault(fault)))
            return
        session.stems_peer = peer
        self._stems.send(peer, wire.to_frames(wire.Attached(message.session)))

    def _handle(self, peer: bytes, message: wire.FromClient, pcm: memoryview) -> None:
        if isinstance(message, wire.Hello):
            self._hello(peer, message)
            return
        session = self._sessions.of(peer)
        match message:
            case wire.Mixture():
                self._owned(session, message.stream).take(message, pcm)
            case wire.Credit():
                if subscription := self._subscription(session, message.subscription):
                    subscription.credit(message.until, time.monotonic_ns())
                    self._after_credit(subscription)
            case wire.Ping():
                now = time.monotonic_ns()
                self._reply(session, wire.Pong(message.sent_ns, now, time.monotonic_ns()))
            case wire.Open():
                self._open(session, message)
            case wire.Close():
                self._closers[message.stream] = message.request
                self._owned(session, message.stream).close()
            case wire.Subscribe():
                self._subscribe(session, message)
            case wire.Unsubscribe():
                self._unsubscribe(session, message)
            case wire.SetGain():
                stream = self._stream(message.stream)
                position, ramp = stream.set_gains(message.gains)
                self._reply(session, wire.GainSet(message.request, message.stream, stream.gains(), position, ramp))
            case wire.Status():
                self._reply(session, wire.State(message.request, self.state()))
            case wire.Bye():
                self._leave(session, at_once=True)
            case wire.Attach():
                raise ProtocolError("attach belongs on the socket for stems")

    def _hello(self, peer: bytes, hello: wire.Hello) -> None:
        if hello.major != wire.MAJOR:
            raise ProtocolError(
                f"protocol {hello.major}.{hello.minor} is not spoken here, {wire.MAJOR}.{wire.MINOR} is; "
                f"install a client that goes with stemd {__version__}"
            )
        session = self._sessions.known(peer) or self._sessions.add(peer, hello.client, time.monotonic_ns())
        self._reply(
            session,
            wire.Welcome(hello.request, wire.MAJOR, wire.MINOR, f"stemd {__version__}", session.token, CAPABILITIES),
        )

    # --- streams -----------------------------------------------------------------------------------------------

    def _open(self, session: Session, request: wire.Open) -> None:
        if self._stopping:
            raise StreamClosed("the daemon is stopping and takes no new streams")
        if request.stream in self.streams or request.stream in self._opening:
            raise StreamExistsError(f"stream {request.stream!r} is open already; choose another name")
        if len(self.streams) + len(self._opening) >= self.config.server.max_streams:
            raise Overloaded(
                f"{self.config.server.max_streams} streams are open, the most that server.max_streams allows"
            )
        self._opening.add(request.stream)
        self._start(self._finish_opening(session, request))

    async def _finish_opening(self, session: Session, request: wire.Open) -> None:
        try:
            agreed, demand = await promise(request, self.config, self._library, self._demands)
            if self._sessions.known(session.peer) is not session or self._stopping:
                return
            if demand:
                self._demands[request.stream] = demand
            stream = Stream(request, session.token, agreed, self._pool, self.config, self)
        except StemdError as fault:
            self._fault(session.peer, fault, request=request.request, stream=request.stream)
            return
        except Exception:
            log.exception("stream %s could not be opened", request.stream)
            self._fault(
                session.peer,
                StemdError("the daemon failed to open the stream; see its log"),
                request=request.request,
                stream=request.stream,
            )
            return
        finally:
            self._opening.discard(request.stream)
        self.streams[request.stream] = stream
        plan = agreed.plan
        self._reply(
            session,
            wire.Opened(
                request=request.request,
                stream=request.stream,
                incarnation=agreed.incarnation,
                model=agreed.model.manifest.name,
                model_rate=agreed.model.manifest.sample_rate,
                plan=wire.Plan(plan.segment, plan.hop, plan.overlap, plan.lookahead),
                stems=stream.offered,
                latency=agreed.latency,
                until=stream.intake.granted,
            ),
        )
        for subscription in [s for s in self.subscriptions.values() if s.stream == request.stream and not s.ended]:
            self._join(stream, subscription)

    def _join(self, stream: Stream, subscription: Subscription) -> None:
        try:
            stream.subscribe(subscription)
        except StemdError as fault:
            self.dropped(subscription, fault)

    def _owned(self, session: Session, name: str) -> Stream:
        stream = self._stream(name)
        if stream.session != session.token:
            raise UnknownStreamError(f"stream {name!r} belongs to another client")
        return stream

    def _stream(self, name: str) -> Stream:
        if name not in self.streams:
            raise UnknownStreamError(f"no stream {name!r} is open; open it first")
        return self.streams[name]

    # --- what streams tell (see Events) ------------------------------------------------------------------------

    def granted(self, stream: Stream, until: int) -> None:
        """See Events."""
        if session := self._sessions.named(stream.session):
            self._reply(session, wire.Grant(stream.request.stream, until))

    def failed(self, stream: Stream, fault: StemdError) -> None:
        """See Events."""
        log.warning("stream %s: %s", stream.request.stream, fault)
        if session := self._sessions.named(stream.session):
            self._fault(session.peer, fault, stream=stream.request.stream)

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        """See Events."""
        self.subscriptions.pop(subscription.number, None)
        if session := self._sessions.named(subscription.session):
            self._fault(session.peer, fault, stream=subscription.stream, subscription=subscription.number)

    def ended(self, stream: Stream, *, cut: bool) -> None:
        """See Events."""
        name = stream.request.stream
        self.streams.pop(name, None)
        self._demands.pop(name, None)
        self._orphans.pop(name, None)
        for subscription in stream.subscriptions:
            if subscription.done:
                self.subscriptions.pop(subscription.number, None)
        closer = self._closers.pop(name, None)
        if session := self._sessions.named(stream.session):
            self._reply(session, wire.Closed(closer, name, stream.given, cut))

    # --- subscriptions -----------------------------------------------------------------------------------------

    def _subscribe(self, session: Session, request: wire.Subscribe) -> None:
        if len(self.subscriptions) >= self.config.server.max_subscriptions:
            raise Overloaded(
                f"{self.config.server.max_subscriptions} subscriptions exist, the most that server.max_subscriptions allows"
            )
        number = next(self._numbers)

        def send(header: wire.Stem, pcm: bytes) -> bool:
            return session.stems_peer is not None and self._stems.send(session.stems_peer, wire.to_frames(header, pcm))

        subscription = Subscription(number, session.token, request, send)
        if stream := self.streams.get(request.stream):
            stream.subscribe(subscription)
        self.subscriptions[number] = subscription
        self._reply(session, wire.Subscribed(request.request, number, subscription.position))

    def _unsubscribe(self, session: Session, request: wire.Unsubscribe) -> None:
        if subscription := self._subscription(session, request.subscription):
            self._forget(subscription)
        self._reply(session, wire.Unsubscribed(request.request, request.subscription))

    def _subscription(self, session: Session, number: int) -> Subscription | None:
        """A session's subscription; None where it has just ended, which a client cannot know yet."""
        subscription = self.subscriptions.get(number)
        return subscription if subscription and subscription.session == session.token else None

    def _after_credit(self, subscription: Subscription) -> None:
        if subscription.done:
            self.subscriptions.pop(subscription.number, None)
        elif subscription.lossless and (stream := self.streams.get(subscription.stream)):
            stream.pump()

    def _forget(self, subscription: Subscription) -> None:
        self.subscriptions.pop(subscription.number, None)
        if stream := self.streams.get(subscription.stream):
            stream.unsubscribe(subscription)

    # --- who has gone, who has stalled -------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic_ns()
            for session in self._sessions:
                if now - session.heard_ns > GONE_AFTER_NS:
                    log.info("client %s has gone", session.client)
                    self._leave(session, at_once=False)
            for name, since in list(self._orphans.items()):
                if now - since > self.config.server.owner_timeout * 1e9:
                    self.streams[name].cut()
            for subscription in list(self.subscriptions.values()):
                self._look_after(subscription, now)

    def _look_after(self, subscription: Subscription, now: int) -> None:
        subscription.flush(now)  # a socket that had no room may have some again
        self._after_credit(subscription)
        since = subscription.starved_since
        stalled = since is not None and now - since > self.config.server.stall_timeout * 1e9
        stream = self.streams.get(subscription.stream)
        held = stream is not None and subscription in stream.subscriptions and stream.request.timing == "free"
        if stalled and (subscription.ended or (held and subscription.lossless)):
            self._forget(subscription)
            self.dropped(
                subscription,
                SubscriberStalled(
                    f"subscription {subscription.number} ({subscription.stream}/{subscription.stem}) gave no credit for "
                    f"{self.config.server.stall_timeout:g} s and was dropped; read its blocks, or use delivery 'live'"
                ),
            )

    def _leave(self, session: Session, *, at_once: bool) -> None:
        self._sessions.remove(session)
        for subscription in [s for s in self.subscriptions.values() if s.session == session.token]:
            self._forget(subscription)
        for name, stream in list(self.streams.items()):
            if stream.session == session.token:
                if at_once or stream.request.timing == "free":
                    stream.cut()
                else:
                    self._orphans[name] = time.monotonic_ns()

    # --- messages out ------------------------------------------------------------------------------------------

    def _reply(self, session: Session, message: wire.FromDaemon) -> None:
        self._requests.send(session.peer, wire.to_frames(message))

    def _fault(
        self,
        peer: bytes,
        fault: StemdError,
        *,
        request: int | None = None,
        stream: str | None = None,
        subscription: int | None = None,
    ) -> None:
        message = _fault(fault, request=request, stream=stream, subscription=subscription)
        self._requests.send(peer, wire.to_frames(message))

    def state(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "version": __version__,
            "uptime": round((time.monotonic_ns() - self._began_ns) / 1e9, 1),
            "clients": len(self._sessions),
            "models": sorted(self._library.models),
            "load": round(sum(d.load for d in self._demands.values()), 4),
            "pending": [
                {"stream": s.stream, "stem": s.stem} for s in self.subscriptions.values() if s.position is None
            ],
            "streams": [stream.state() for stream in self.streams.values()],
        }


def _fault(
    fault: StemdError, *, request: int | None = None, stream: str | None = None, subscription: int | None = None
) -> wire.Fault:
    return wire.Fault(fault.code, str(fault)[:2_000], request, stream, subscription)
