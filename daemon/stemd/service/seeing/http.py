"""/metrics, /healthz and /readyz by HTTP, for this machine alone; a flood of requests costs others little."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from stemd.address import is_loopback
from stemd.errors import ConfigError
from stemd.service.seeing.exposition import CONTENT_TYPE, Exposition
from stemd.service.seeing.view import View, ailments, obstacles

_MOST: Final = 32  # connections at once; more are hung up on
_IDLE: Final = 10.0  # seconds for which a connection may say nothing
_LINES: Final = 4_096  # bytes of a request's first line, or of one of its headers
_STOPPING: Final = 1.0  # seconds for answers that are under way when the daemon ends
_LOOK: Final = 0.25  # seconds between two looks at how late the loop is

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Reporter:
    """Listens from `start` to `stop`.

    Args:
        view: of the daemon.
        endpoint: host and port; the host is loopback.
    """

    def __init__(self, view: View, endpoint: tuple[str, int]) -> None:
        self._view, self._endpoint = view, endpoint
        self._exposition = Exposition(view)
        app = web.Application(middlewares=[_only_here], client_max_size=0)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log(),
            handle_signals=False,
            keepalive_timeout=_IDLE,
            max_line_size=_LINES,
            max_field_size=_LINES,
            shutdown_timeout=_STOPPING,
        )
        self._listener: asyncio.Server | None = None
        self._timing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port cannot be had.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._visit, *self._endpoint, backlog=_MOST)
        except OSError as exc:
            await self._runner.cleanup()
            raise _refused(self._endpoint, exc) from exc
        self._timing = loop.create_task(self._time(), name="stemd-loop-lag")

    async def stop(self) -> None:
        """Listen no more."""
        if self._timing:
            self._timing.cancel()
        if self._listener:
            self._listener.close()
        await self._runner.cleanup()

    def _visit(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= _MOST:
            return _NoRoom()
        return server()

    async def _metrics(self, _: web.Request) -> web.Response:
        # Not by `content_type`, which wants the charset apart.
        return web.Response(body=await self._exposition.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, _: web.Request) -> web.Response:
        return _verdict(ailments(self._view))

    async def _readyz(self, _: web.Request) -> web.Response:
        return _verdict(obstacles(self._view))

    async def _time(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK
            await asyncio.sleep(_LOOK)
            self._view.lag.note(max(0.0, loop.time() - due))


class _NoRoom(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        with suppress(AttributeError):
            transport.abort()  # type: ignore[attr-defined]


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a browser sends for a stranger's page whose name was turned to this machine (DNS rebinding)."""
    try:
        host = urlsplit(f"//{request.host}").hostname
    except ValueError:
        host = None
    if host is None or not is_loopback(host):
        text = "stemd answers to localhost and 127.0.0.1 alone: let the reverse proxy send that as Host\n"
        raise web.HTTPMisdirectedRequest(text=text)
    return await handler(request)


def _log() -> logging.Logger:
    log = logging.getLogger("stemd.http")
    log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a line is about a fault of this program; that a request was nonsense, its sender was told."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _verdict(faults: list[str]) -> web.Response:
    state: dict[str, Any] = {"status": "no" if faults else "ok", "reasons": faults}
    return web.json_response(state, status=503 if faults else 200, headers={"Cache-Control": "no-store"})


def _refused(endpoint: tuple[str, int], fault: OSError) -> ConfigError:
    host, port = endpoint
    where = f"cannot listen on port {port} of {host} for metrics"
    if fault.errno == errno.EADDRINUSE:
        return ConfigError(f"{where}: it is in use, perhaps by another stemd; name another in metrics.address")
    if fault.errno == errno.EACCES:
        return ConfigError(f"{where}: it is not for everybody; name one above 1023 in metrics.address")
    return ConfigError(f"{where} ({fault.strerror or fault}): name another in metrics.address")
