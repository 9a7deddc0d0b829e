"""The daemon: its sockets, its pool, its streams; from the first bind to the last drain."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import zmq

from stemd import __version__
from stemd.config import Config
from stemd.errors import StemdError
from stemd.separation.pool import Health
from stemd.separation.pools import new_pool
from stemd.separation.store import Model
from stemd.service.courier import Courier
from stemd.service.desk import Desk
from stemd.service.doorkeeper import Doorkeeper
from stemd.service.ids import begin_anywhere
from stemd.service.library import Library
from stemd.service.listeners import Listeners
from stemd.service.live.live import Live
from stemd.service.port import Lock, Port
from stemd.service.reloading import Outcome, prepare, swap_all, warm
from stemd.service.security.guard import Guard
from stemd.service.seeing.view import View
from stemd.service.sessions import Sessions
from stemd.service.streams import Streams
from stemd.service.tap import Tap
from stemd.service.tuning import memory

if TYPE_CHECKING:
    from stemd.service.seeing.http import Reporter

log: Final = logging.getLogger("stemd")
_WATCH_INTERVAL: Final = 0.5


class Server:
    """`async with Server(config) as server:` is ready once entered, and drains when left.

    Args:
        config: what holds at first.
        source: reads the configuration again, for `reread`; it may block. None: there is nothing to read.
        sockets: that a service manager opened, by endpoint; see `stemd.service.activation`.

    Attributes:
        broken: set when a lane has no worker left that ends what it begins; only a restart helps then.

    Raises:
        ConfigError: others could reach it and it has no key; on entering, the address is in use or cannot be bound.
        ModelLoadError: on entering, a model cannot be loaded.
    """

    def __init__(
        self, config: Config, source: Callable[[], Config] | None = None, sockets: Mapping[str, int] | None = None
    ) -> None:
        self.config = config
        self._sockets = sockets or {}
        self._source = source or (lambda: self.config)
        self._reloading = asyncio.Lock()
        self._trouble: str | None = None  # of the last reload
        self.live: Live | None = None
        self.broken = asyncio.Event()
        self._sessions = Sessions()
        self._guard = Guard(config)
        self._watchers: list[asyncio.Task[None]] = []
        self._ports: list[Port] = []
        self._reporter: Reporter | None = None
        self._began = time.monotonic()

    async def __aenter__(self) -> Self:
        """Bind, load, warm up."""
        begin_anywhere()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._pool = new_pool(self.config.engine)
        self._library = Library(self._pool, self.config.model_folders, memory(self.config.engine))
        try:
            self._guard.begin(self._context)
            requests, stems = (self._bind(end, lock=self._guard.curve) for end in self.config.address.endpoints)
            courier = Courier(requests, stems, self._sessions, self._guard.gate)
            self._listeners = Listeners(self.config.server, courier)
            self._streams = Streams(*(self.config, self._pool, self._library, self._sessions, self._listeners, courier))
            self._desk = Desk(
                *(self._sessions, self._streams, self._listeners, courier, self.state, self.reread, self._guard.gate)
            )
            requests.receiver = self._guard.before(self._desk.on_request, courier.refuse)
            stems.receiver = self._guard.before(self._desk.on_stems, courier.refuse_stems)
            self._guard.changed = self._desk.enforce
            if self.config.server.tap:
                tap = Tap(self._listeners, self._streams.open.get)
                tap.port = self._bind(self.config.server.tap, zmq.XPUB)
                tap.port.receiver = tap.receive
            self._watchers.append(asyncio.create_task(Doorkeeper(self._ports).keep()))
            view = self._view(courier)
            await self._report(view)
            await self._warm()
            if self.config.capture.device:
                self.live = Live(self.config, self._streams)
                await self.live.start()
            view.warm = True
        except BaseException:
            await self._release()
            raise
        self._watchers.append(asyncio.create_task(self._watch()))
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
            "workers": {lane.value: _worded(health) for lane, health in self._pool.health().items()},
            "servers": [asdict(server) for server in self._pool.servers()],
            "security": self._guard.state(),
            "devices": self._devices(),
            "trouble": self._trouble,
        }

    def answers(self) -> bool:
        """Whether the workers of every lane still end what they begin."""
        return all(lane.answers for lane in self._pool.health().values())

    async def reread(self) -> Outcome:
        """Read the configuration again and take it over; after other reloads that go on.

        Raises:
            ConfigError: it cannot be read, or see `reload`.
            ModelLoadError, UnknownStemError: see `reload`.
        """
        try:
            outcome = await self.reload(await asyncio.to_thread(self._source))
        except StemdError as exc:
            self._trouble = f"the last reload changed nothing: {exc}"
            raise
        self._trouble = None
        return outcome

    async def reload(self, wanted: Config) -> Outcome:
        """Take over another configuration, as far as it can be had without a restart, and other editions of models.

        Raises:
            ConfigError: the daemon cannot work with it; nothing has changed.
            ModelLoadError: a model that it names cannot be had; nothing has changed.
            UnknownStemError: the mixer of the captured stream has no such part; nothing has changed.
        """
        async with self._reloading:
            outcome, models = await prepare(self.config, wanted, self._library, self._streams)
            if self.live:
                self.live.check(outcome.config)
            self._adopt(outcome.config, models)
            await self._guard.look()
            swapped = await swap_all(self.config, self._streams, self._library)
        outcome = replace(outcome, notes=(*outcome.notes, *swapped))
        log.warning("reload: %s", "; ".join(outcome.lines()))
        return outcome

    def _adopt(self, config: Config, models: Iterable[Model]) -> None:
        """All at once, and nothing of it can fail."""
        self.config = config
        self._streams.configure(config)
        self._listeners.configure(config.server)
        self._guard.configure(config.security)
        self._library.adopt(models, config.model_folders)
        if self.live:
            self.live.configure(config)

    def _devices(self) -> dict[str, Any] | None:
        return self.live.state() if self.live and self.live.started else None

    def _view(self, courier: Courier) -> View:
        parts = (self._pool, self._library, self._sessions, self._streams, self._listeners, courier)
        return View(lambda: self.config, *parts, self._devices)

    async def _report(self, view: View) -> None:
        """Let monitoring look in, where the configuration says so."""
        if endpoint := self.config.metrics.endpoint:
            from stemd.service.seeing.http import Reporter  # noqa: PLC0415 - only who wants it waits for it

            self._reporter = Reporter(view, endpoint)
            await self._reporter.start()

    def _bind(self, endpoint: str, kind: int = zmq.ROUTER, lock: Lock | None = None) -> Port:
        port = Port(self._context, endpoint, kind, lock=lock, given=self._sockets.get(endpoint))
        self._ports.append(port)
        return port

    async def _warm(self) -> None:
        for name in dict.fromkeys((self.config.models.default, *self.config.models.preload)):
            await warm(self._library, await self._library.load(name), self.config)

    async def _release(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        if self.live:
            await self.live.stop()
        if self._reporter:
            await self._reporter.stop()
        for port in self._ports:
            port.close()
        self._guard.end()
        await asyncio.to_thread(self._pool.close)
        await asyncio.to_thread(self._context.term)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            if not self.answers() and not self.broken.is_set():
                log.critical("the workers do not answer any more; the daemon stops, to be started again")
                self.broken.set()
            try:
                self._look_after()
            except Exception:
                log.exception("looking after clients and streams failed; it is tried again")

    def _look_after(self) -> None:
        self._desk.look_after()
        self._library.look_after(self._streams.uses)
        self._streams.look_after()
        self._listeners.look_after(self._streams.open)


def _worded(health: Health) -> dict[str, Any]:
    counts = {"waiting": health.waiting, "hung": health.hung, "lost": health.lost, "restarts": health.restarts}
    return {**counts, "oldest": round(health.oldest, 3), "answers": health.answers}
