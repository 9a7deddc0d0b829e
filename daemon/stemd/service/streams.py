"""Every stream in the daemon: opened, owned, orphaned, ended."""

import asyncio
import logging
import time
from typing import Any, Final

from stemd import protocol as wire
from stemd.config import Config
from stemd.errors import Overloaded, StemdError, StreamClosed, StreamExistsError, UnknownStreamError
from stemd.separation.pool import Pool
from stemd.service.admission import Demand
from stemd.service.courier import Courier, fault
from stemd.service.library import Library
from stemd.service.listeners import Listeners
from stemd.service.opening import promise
from stemd.service.promise import Promise
from stemd.service.sessions import MOVED, Session, Sessions
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription

log: Final = logging.getLogger("stemd")

_STOPPING: Final = "the daemon is stopping and takes no new streams"
_DRAIN_STEP: Final = 0.01  # seconds between two looks at what is still inside


class Streams:
    """Streams by name; each tells this what happens to it (see `stemd.service.stream.Events`)."""

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
        self.stopping = False
        self._config, self._pool, self._library = config, pool, library
        self._sessions, self._listeners, self._courier = sessions, listeners, courier
        self._demands: dict[str, Demand] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        # The daemon's own streams: no client may take their names, not even before they are open.
        self._own = {config.capture.stream} if config.capture.device else set()
        self._closers: dict[str, int] = {}  # the request that asked a stream to close
        self._orphans: dict[str, int] = {}  # since when a realtime stream has no owner, in ns

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

    def granted(self, stream: Stream, until: int) -> None:
        """See Events."""
        self._courier.tell(stream.session, wire.Grant(stream.name, until))

    def failed(self, stream: Stream, problem: StemdError) -> None:
        """See Events."""
        log.warning("stream %s: %s", stream.name, problem)
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
        self._demands.pop(name, None)
        self._orphans.pop(name, None)
        self._listeners.settle()
        closed = wire.Closed(self._closers.pop(name, None), name, stream.given, cut)
        self._courier.tell(stream.session, closed)

    async def open_own(self, request: wire.Open) -> Stream:
        """Open a stream of the daemon's own: nobody else may feed or close it, and nobody is waited for.

        Raises:
            StemdError: it is refused.
        """
        agreed, demand = await promise(request, self._config, self._library, self._demands)
        stream = self._begin(agreed, demand, session="", fills=True)
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
            log.exception("stream %s could not be opened", request.stream)
            refusal = StemdError(f"the daemon failed to open stream {request.stream!r}; see its log")
        finally:
            del self._opening[request.stream]
        if refusal:
            self._courier.refuse(session.peer, refusal, request=request.request, stream=request.stream)
        else:
            self._courier.reply(session, _opened(request.request, stream))
            self._listeners.join(stream)

    async def _promised(self, session: Session, request: wire.Open) -> Stream:
        agreed, demand = await promise(request, self._config, self._library, self._demands)
        if self._sessions.known(session.peer) is not session or self.stopping:
            raise StreamClosed(f"stream {request.stream!r} was not opened: its client has gone, or the daemon stops")
        return self._begin(agreed, demand, session.token, fills=MOVED in session.capabilities)

    def _begin(self, agreed: Promise, demand: Demand | None, session: str, *, fills: bool) -> Stream:
        stream = Stream(agreed, session, self._pool, self._config, self, fills=fills)
        if demand:
            self._demands[stream.name] = demand
        self.open[stream.name] = stream
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
