"""What is served: the page, its files, and two WebSockets, all behind the same checks."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from stemd.audio import Format
from stemd.protocol import NAME
from stemd_client.web import phone
from stemd_client.web.attending import answered, attend
from stemd_client.web.desk import Desk
from stemd_client.web.link import Link
from stemd_client.web.listening import FORMATS, hear
from stemd_client.web.page_queue import PageQueue
from stemd_client.web.security import HEADERS, Gate
from stemd_client.web.settings import Settings
from stemd_client.web.taps import Taps

_PAGE: Final = Path(__file__).parent / "page"
_MOST_BYTES: Final = 16_384  # of an order

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(settings: Settings) -> web.Application:
    """The application; it looks for the daemon from its start to its end."""
    service = Service(settings)
    app = web.Application(middlewares=[service.guard])
    app.cleanup_ctx.append(service.run)
    app.on_shutdown.append(service.hang_up)
    app.on_response_prepare.append(_protect)
    app.router.add_get("/", service.page)
    app.router.add_get("/listen", service.bare_page)
    app.router.add_get("/state", service.state)
    app.router.add_get("/hear", service.hear)
    app.router.add_get("/qr.svg", service.qr_code)
    app.router.add_static("/page", _PAGE)
    return app


class Service:
    """The handlers, and what they share.

    Args:
        settings: see there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gate = Gate(settings.host, settings.token)
        self._link = Link(settings.address)
        self._taps = Taps(self._link)
        self._desk = Desk(self._link, self._taps)
        self._browsers: set[asyncio.Task[Any]] = set()

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Keep the connection to the daemon while the application runs."""
        linking = asyncio.create_task(self._link.run(self._desk.watch, self._desk.lost))
        yield
        await self._taps.close()
        linking.cancel()
        await asyncio.gather(linking, return_exceptions=True)

    async def hang_up(self, _: web.Application) -> None:
        """End all WebSockets, which would never end by themselves."""
        for task in self._browsers:
            task.cancel()
        await asyncio.gather(*self._browsers, return_exceptions=True)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in, and bind the browser."""
        host, origin = request.headers.get("Host"), request.headers.get("Origin")
        if not self._gate.serves(host):
            return _refusal(403, f"this server is not {host!r}; open it by the address that `stemd web` printed")
        upgraded = "Upgrade" in request.headers
        if (upgraded or origin or request.method != "GET") and not self._gate.same_origin(origin, host):
            return _refusal(403, "only pages of this server may speak to it")
        offered = request.query.get("token") or request.cookies.get(_cookie(request))
        if not self._gate.admits(offered):
            return _refusal(401, "a token is missing or wrong; open the whole address that `stemd web` printed")
        try:
            response = await handler(request)
        except web.HTTPException as exc:
            response = _refusal(exc.status, exc.text or exc.reason)
        if self._settings.token and request.query.get("token") and not response.prepared:
            age = 30 * 86_400
            name = _cookie(request)
            response.set_cookie(name, self._settings.token, max_age=age, httponly=True, samesite="Strict")
        return response

    async def page(self, _: web.Request) -> web.StreamResponse:
        """The page."""
        return web.FileResponse(_PAGE / "index.html")

    async def bare_page(self, request: web.Request) -> web.StreamResponse:
        """The page that only plays."""
        _named(request)
        return web.FileResponse(_PAGE / "listen.html")

    async def qr_code(self, request: web.Request) -> web.StreamResponse:
        """The code of the page's address, for phones."""
        if self._gate.loopback:
            raise web.HTTPNotFound(text="no phone can reach this server; start it with --host 0.0.0.0")
        return web.Response(body=phone.qr_code(self._phone_address(request)), content_type="image/svg+xml")

    def _phone_address(self, request: web.Request) -> str:
        assert request.transport is not None  # noqa: S101 - the request has come over it
        port = request.transport.get_extra_info("sockname")[1]
        return phone.page_address(phone.lan_address(self._settings.host), port, self._settings.token)

    async def state(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket of a page: states and notes to it, orders from it."""
        browser = await answered(request, most_bytes=_MOST_BYTES)
        page = PageQueue()
        address = None if self._gate.loopback else self._phone_address(request)
        hello = {"kind": "hello", "version": version("stemd"), "phone": address, "token": self._settings.token}
        page.note(json.dumps(hello))
        with self._kept(), self._desk.joined(page):
            await attend(browser, _send(browser, page), partial(self._desk.take, page))
        return browser

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket of a listener."""
        stream, stem, fmt = _named(request)
        with self._kept():
            return await hear(request, self._taps, stream, stem, fmt)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """The task that serves a WebSocket, for `hang_up`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler is called in one
        self._browsers.add(task)
        try:
            yield
        finally:
            self._browsers.discard(task)


async def _send(browser: web.WebSocketResponse, page: PageQueue) -> None:
    while True:
        await browser.send_str(await page.next())


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _named(request: web.Request) -> tuple[str, str, Format]:
    """Stream, stem and format of a query."""
    stream, stem = request.query.get("stream", ""), request.query.get("stem", "instrumental")
    for what, name in (("stream", stream), ("stem", stem)):
        if not re.fullmatch(NAME, name):
            text = (
                f"{what}={name[:80]!r} is not a name: 1 to 64 of A-Z a-z 0-9 . _ -, as in /listen?stream=live&stem=out"
            )
            raise web.HTTPBadRequest(text=text)
    fmt = request.query.get("format", "f32")
    if fmt not in FORMATS:
        raise web.HTTPBadRequest(text=f"format={fmt[:80]!r} is neither f32 nor s16")
    return stream, stem, FORMATS[fmt]


def _cookie(request: web.Request) -> str:
    """A name with the port in it: browsers keep the cookies of all ports of a host together."""
    assert request.transport is not None  # noqa: S101 - the request has come over it
    return f"stemd-web-{request.transport.get_extra_info('sockname')[1]}"


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"stemd web: {text}\n")
