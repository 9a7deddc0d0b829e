"""The life of a WebSocket, from the browser that asks for it until it has gone."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import WSMsgType, web


async def answered(request: web.Request, *, most_bytes: int, compress: bool = True) -> web.WebSocketResponse:
    """The WebSocket that a browser asked for.

    Args:
        request: the asking.
        most_bytes: of what the browser may say at once.
        compress: whether it may ask for that.

    Raises:
        HTTPUpgradeRequired: it asked for none. So asks a page that was refused a WebSocket and wants to know why; who
            comes as far as here was not refused.
    """
    browser = web.WebSocketResponse(heartbeat=10.0, max_msg_size=most_bytes, compress=compress)
    if not browser.can_prepare(request).ok:
        raise web.HTTPUpgradeRequired(text="here is nothing but a WebSocket")
    await browser.prepare(request)
    return browser


async def attend(
    browser: web.WebSocketResponse, sending: Coroutine[Any, Any, None], take: Callable[[str], Awaitable[None]]
) -> None:
    """Run `sending`, and give what the browser says to `take`, until it has gone."""
    task = asyncio.create_task(sending)
    try:
        async for message in browser:
            if message.type is not WSMsgType.TEXT:
                break
            await take(message.data)
    finally:
        task.cancel()
        # That the browser is gone was noticed here as well as there.
        await asyncio.gather(task, return_exceptions=True)
