"""Every stream in the daemon: opened, owned, orphaned, ended."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from stemd import protocol as wire
from stemd.config import Config
from stemd.config import Server as Limits
from stemd.errors import DeniedError, Overloaded, StemdError, StreamClosed, StreamExistsError, UnknownStreamError
from stemd.separation.assembly import Assembly
from stemd.separation.pool import Pool
from stemd.separation.store import Model
from stemd.service.admission import Demand
from stemd.service.courier import Courier, fault
from stemd.service.distribution import Timings
from stemd.service.holders import Holders
from stemd.service.library import Library
from stemd.service.listeners import Listeners
from stemd.service.opening import promise
from stemd.service.pace import pace
from stemd.service.promise import Promise
from stemd.service.sessions import MOVED, Session, Sessions
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription

log: Final = logging.getLogger("stemd")

_STOPPING: Final = "the daemon is stopping and takes no new streams"
_DRAIN_STEP: Final = 0.01  # seconds between two looks at what is still inside


class Streams:
    """Streams by name; each tells this what happens to it (see `stemd.service.events.Events`).

    Attributes:
        open: by name.
        holders: with whose key each was opened.
        stopping: whether no new ones are taken any more.
        begun: how many were opened so far, by timing.
        past: what `Stream.counts` said of those that have ended, added up.
        timings: of all, those that have ended, too.
    """

    def __init__(
        self,
        config: Config,
        pool: Pool,
        library: Library,
        sessions: Sessions,
        listeners: Listeners,
        courier: Courier,
    ) -> None:
        self.open: dict[str, Stream] = {}
        self.holders = Holders()
        self.stopping = False
        self.begun: Counter[str] = Counter()
        self.past: Counter[str] = Counter()
        self.timings = Timings()
        self._config, self._pool, self._library = config, pool, library
        self._sessions, self._listeners, self._courier = sessions, listeners, courier
        self._demands: dict[str, Demand] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        # The daemon's own streams: no client may take their names, not even before they are open.
        self._own = {config.capture.stream} if config.capture.device else set()
        self._closers: dict[str, int] = {}  # the request that asked a stream to close
        self._orphans: dict[str, int] = {}  # since when a realtime stream has no owner, in ns

    def configure(self, config: Config) -> None:
        """Hold other values from now on; what was promised to streams stays."""
        self._config = config

    @property
    def limits(self) -> Limits:
        """How many there may be of each thing."""
        return self._config.server

    def keep(self, keys: Collection[str]) -> None:
        """End at once what was opened with any other key; what is being opened so is refused when it is ready."""
        for name in self.holders.strip(keys):
            if stream := self.open.get(name):
                stream.cut()

    @property
    def demands(self) -> Mapping[str, Demand]:
        """What has been promised to realtime streams, by name."""
        return self._demands

    def swap(self, stream: Stream, model: Model, demand: Demand | None) -> None:
        """Let a stream go on with another edition of its networks, which makes this demand."""
        if demand:
            self._demands[stream.name] = demand
        stream.swap(model)

    def uses(self, key: str) -> bool:
        """Whether the networks of the manifest with this key are in use, or may be by a stream that is being opened."""
        return bool(self._opening) or any(key in stream.editions for stream in self.open.values())

    @property
    def load(self) -> float:
        """What has been promised to realtime streams: compute time over time."""
        return sum(d.load for d in self._demands.values())

    def named(self, name: str) -> Stream:
        """An open stream.

        Raises:
            UnknownStreamError: none of this name is open.
        """
        if name not in self.open:
            raise UnknownStreamError(f"no stream {name!r} is open; open it first")
        return self.open[name]

    def owned(self, session: Session, name: str) -> Stream:
        """An open stream of a session's own.

        Raises:
            UnknownStreamError: none of this name is open, or it is another client's.
        """
        stream = self.named(name)
        if stream.session != session.token:
            raise UnknownStreamError(f"stream {name!r} belongs to another client")
        return stream

    def begin(self, session: Session, request: wire.Open) -> None:
        """Open a stream and say so, later: a model may have to be loaded.

        Raises:
            StreamExistsError: a stream of this name is open, or being opened.
            Overloaded: there are too many.
            StreamClosed: the daemon is stopping.
        """
        name = request.stream
        if self.stopping:
            raise StreamClosed(_STOPPING)
        if name in self.open or name in self._opening or name in self._own:
            raise StreamExistsError(f"stream {name!r} is open already; choose another name")
        count = len(self.open) + len(self._opening)
        if count >= self._config.server.max_streams:
            raise Overloaded(f"{count} streams are open, the most that server.max_streams allows")
        self.holders.add(name, session.key)
        self._opening[name] = asyncio.get_running_loop().create_task(self._finish_opening(session, request))

    def close(self, session: Session, request: wire.Close) -> None:
        """End a stream once what is inside has left.

        Raises:
            UnknownStreamError: none of this name is open, or it is another client's.
            StreamClosed: it is closing already.
        """
        stream = self.owned(session, request.stream)
        if stream.closing:
            raise StreamClosed(f"stream {request.stream!r} is closing already")
        self._closers[request.stream] = request.request
        stream.close()

    def leave(self, session: Session, *, at_once: bool) -> None:
        """The owner has gone: free streams end, realtime ones a little later."""
        for stream in list(self.open.values()):
            if stream.session == session.token:
                if at_once or not stream.promise.realtime:
                    stream.cut()
                else:
                    self._orphans[stream.name] = time.monotonic_ns()

    def look_after(self) -> None:
        """End what has been without an owner for too long."""
        patience = self._config.server.owner_timeout * 1e9
        for name, since in list(self._orphans.items()):
            if time.monotonic_ns() - since > patience:
                self.open[name].cut()

    async def drain(self) -> None:
        """Take nothing new, let work go on for `drain_timeout`, then end every stream and say so."""
        self.stopping = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.server.drain_timeout
        openings = list(self._opening.values())
        for opening in openings:
            opening.cancel()
        await asyncio.gather(*openings, return_exceptions=True)
        self._listeners.dismiss()
        for stream in list(self.open.values()):
            stream.close()
        while (self.open or self._listeners.owed) and loop.time() < deadline:  # noqa: ASYNC110 - once in a life
            await asyncio.sleep(_DRAIN_STEP)
        for stream in list(self.open.values()):
            stream.cut()
        self._listeners.cut()

    def unread(self, stream: Stream) -> bool:
        """See Events."""
        return bool(stream.session) and self._courier.unread

    def granted(self, stream: Stream, until: int) -> None:
        """See Events."""
        self._courier.tell(stream.session, wire.Grant(stream.name, until))

    def failed(self, stream: Stream, problem: StemdError) -> None:
        """See Events."""
        log.warning("stream %s: %s", stream.name, problem, extra={"stream": stream.name, "code": problem.code})
        self._courier.tell(stream.session, fault(problem, stream=stream.name))

    def moved(self, stream: Stream, position: int) -> None:
        """See Events."""
        session = self._sessions.named(stream.session)
        if session and MOVED in session.capabilities:
            self._courier.reply(session, wire.Moved(stream.name, position))

    def dropped(self, subscription: Subscription, problem: StemdError) -> None:
        """See Events."""
        self._listeners.drop(subscription, problem)

    def ended(self, stream: Stream, *, cut: bool) -> None:
        """See Events."""
        name = stream.name
        del self.open[name]
        self.past.update(stream.counts())
        self._demands.pop(name, None)
        self._orphans.pop(name, None)
        self.holders.remove(name)
        self._listeners.settle()
        closed = wire.Closed(self._closers.pop(name, None), name, stream.given, cut)
        self._courier.tell(stream.session, closed)

    async def open_own(self, request: wire.Open) -> Stream:
        """Open a stream of the daemon's own: nobody else may feed or close it, and nobody is waited for.

        Raises:
            StemdError: it is refused.
        """
        agreed, assembly = await self._agreed(request, self._config)
        stream = self._begin(replace(agreed, fills=True), assembly, session="")
        self._listeners.join(stream)
        return stream

    def state(self) -> list[dict[str, Any]]:
        """For `status`."""
        return [stream.state() for stream in self.open.values()]

    async def _finish_opening(self, session: Session, request: wire.Open) -> None:
        refusal: StemdError | None = None
        try:
            stream = await self._promised(session, request)
        except StemdError as error:
            refusal = error
        except asyncio.CancelledError:
            refusal = StreamClosed(_STOPPING)
        except Exception:
            about = {"stream": request.stream, "client": session.client}
            log.exception("stream %s could not be opened", request.stream, extra=about)
            refusal = StemdError(f"the daemon failed to open stream {request.stream!r}; see its log")
        finally:
            del self._opening[request.stream]
        if refusal:
            self._demands.pop(request.stream, None)
            self.holders.remove(request.stream)
            self._courier.fail(session, refusal, request=request.request, stream=request.stream)
        else:
            self._courier.reply(session, _opened(request.request, stream))
            self._listeners.join(stream)

    async def _promised(self, session: Session, request: wire.Open) -> Stream:
        agreed, assembly = await self._agreed(request, config := self._config)
        while config is not self._config or not self._library.current(agreed.model):  # there was a reload meanwhile
            self._demands.pop(request.stream, None)
            agreed, assembly = await self._agreed(request, config := self._config)
        if self._sessions.known(session.peer, session.key) is not session or self.stopping:
            raise StreamClosed(f"stream {request.stream!r} was not opened: its client has gone, or the daemon stops")
        if self.holders.of(request.stream) != session.key:
            raise DeniedError(f"stream {request.stream!r} was not opened: its client may not send any more")
        return self._begin(replace(agreed, fills=MOVED in session.capabilities), assembly, session.token)

    async def _agreed(self, request: wire.Open, config: Config) -> tuple[Promise, Assembly]:
        """What can be promised, which nobody else is promised from now on; and what the stream will be made of.

        Memory that is new takes so long that other streams would be late, so it is got ready in a thread.
        """
        agreed, demand = await promise(request, config, self._library, self._demands, self._pace)
        if demand:
            self._demands[request.stream] = demand
        return agreed, await asyncio.to_thread(agreed.assembly)

    def _pace(self, place: str) -> float:
        return pace(
            (demand, self.open[name].loads())
            for name, demand in self._demands.items()
            if demand.place == place and name in self.open
        )

    def _begin(self, agreed: Promise, assembly: Assembly, session: str) -> Stream:
        stream = Stream(agreed, session, self._pool, self._config, self, assembly=assembly)
        self.open[stream.name] = stream
        self.begun[agreed.request.timing] += 1
        stream.outlet.timings.belong_to(self.timings)
        return stream


def _opened(number: int, stream: Stream) -> wire.Opened:
    agreed = stream.promise
    plan = agreed.plan
    return wire.Opened(
        request=number,
        stream=stream.name,
        incarnation=agreed.incarnation,
        model=agreed.model.manifest.name,
        model_rate=agreed.model.manifest.sample_rate,
        plan=wire.Plan(plan.segment, plan.hop, plan.overlap, plan.lookahead),
        stems=stream.outlet.offered,
        latency=agreed.latency,
        until=stream.inlet.intake.granted,
    )
