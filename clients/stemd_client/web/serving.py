"""`stemd web` as a program: it serves until it is told to stop."""

import asyncio
import errno
import sys
import webbrowser

from aiohttp import web

from stemd.errors import ConfigError, StemdError
from stemd_client import running
from stemd_client.web.app import make_app
from stemd_client.web.phone import lan_address, page_address
from stemd_client.web.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        StemdError: the port cannot be had; in one line why, and what to do.
    """
    running.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = running.stop_signals()
    runner = web.AppRunner(make_app(settings), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as exc:
            raise _refused(settings, exc) from exc
        port = runner.addresses[0][1]
        here = page_address(lan_address(settings.host), port, settings.token)
        print(f"stemd web: open {here} in a browser; Ctrl-C ends it", flush=True)
        if settings.browser and not await asyncio.to_thread(webbrowser.open, here):
            print("stemd web: no browser could be opened here", file=sys.stderr, flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _refused(settings: Settings, fault: OSError) -> StemdError:
    where = f"port {settings.port} of {settings.host}"
    if fault.errno == errno.EADDRINUSE:
        return StemdError(f"{where} is in use, perhaps by another `stemd web`; choose another with --port")
    if fault.errno == errno.EACCES:
        return StemdError(f"{where} is not for everybody; choose one above 1023 with --port")
    return ConfigError(f"--host {settings.host!r} is not an address of this machine: {fault.strerror or fault}")
