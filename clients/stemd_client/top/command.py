"""What `stemd top` does; the arguments are read elsewhere."""

import asyncio
import json
import os
import signal
import sys
from importlib import import_module
from typing import Final

from stemd.errors import ConfigError, ConnectionLostError
from stemd_client import Client, stay_connected
from stemd_client.running import run
from stemd_client.top.watch import first_picture

_SHORTEST: Final = 0.1  # seconds: ten times a second is as often as a screen needs


def top(address: str | None, interval: float, stream: str | None) -> int:
    """Show on the terminal what a daemon does, and turn its mixers, until `q`.

    Raises:
        ConfigError: this is no terminal to draw on, or the interval is shorter than 0.1 s.
        ConnectionLostError: there is no daemon to begin with.
        StemdError: the daemon that came back is of another major version.
    """
    _check(interval)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        raise ConfigError("`stemd top` draws on a terminal, and this is none; `stemd top --json` writes lines instead")
    return run(_screen(address, interval, stream))


async def _screen(address: str | None, interval: float, stream: str | None) -> int:
    import_module("textual")  # first, so that what is told to be missing is not what it brings along
    from stemd_client.top.app import TopApp  # noqa: PLC0415 - slow to import, and in an extra

    picture = await first_picture(address)
    app = TopApp(picture, interval, stream)
    if os.name == "posix":
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Else the terminal would stay as it is now: another screen, no echo.
            asyncio.get_running_loop().add_signal_handler(number, app.exit)
    # The terminal's own mouse goes on to mark and copy text.
    if fault := await app.run_async(mouse=False):
        raise fault
    return app.return_code or 0  # 1 where the screen itself failed, which it has shown


def lines(address: str | None, interval: float) -> int:
    """Print the daemon's state, one line of JSON after the other, until Ctrl-C; it may come and go meanwhile.

    Raises:
        ConfigError: the interval is shorter than 0.1 s.
        ConnectionLostError: there is no daemon to begin with.
        BrokenPipeError: whoever read them has gone.
    """
    _check(interval)
    return run(_lines(address, interval))


async def _lines(address: str | None, interval: float) -> int:
    told = ""

    async def work(client: Client) -> int:
        nonlocal told
        told = ""
        while True:
            print(json.dumps(await client.status(), separators=(",", ":")), flush=True)
            await asyncio.sleep(interval)

    def lost(error: ConnectionLostError) -> None:
        nonlocal told
        if str(error) != told:
            told = str(error)
            print(f"stemd: {told}", file=sys.stderr, flush=True)

    picture = await first_picture(address)
    return await stay_connected(work, lost, picture.address, "stemd top")


def _check(interval: float) -> None:
    if not interval >= _SHORTEST:
        raise ConfigError(f"an interval of {interval:g} s is too short: {_SHORTEST:g} s at least")
