"""`stemd serve` and `stemd check-config`."""

import argparse
import asyncio
import faulthandler
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from stemd import __version__
from stemd.commands import running
from stemd.config import Config, Log, as_toml, load_config
from stemd.errors import ConfigError, StemdError
from stemd.service.activation import sockets_for
from stemd.service.notify import Notifier
from stemd.service.seeing import logs
from stemd.service.server import Server
from stemd.service.vigil import Vigil, ask_for_patience
from stemd_client.running import stop_signals

log: Final = logging.getLogger("stemd")
_EX_SOFTWARE: Final = 70  # sysexits.h
_RELEASE: Final = 5.0  # seconds that letting go of workers and sockets may take after the drain


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 0 after a clean stop, 70 where the workers hang and only a restart helps."""
    faulthandler.enable()  # a crash, and the abort that ends a hung daemon, say where it was
    if running.run(_serve(partial(configuration, options))):
        return 0
    logging.shutdown()
    os._exit(_EX_SOFTWARE)  # a thread that hangs in a network would hold up an orderly exit, or crash it


def configuration(options: argparse.Namespace) -> Config:
    """The file, and what the command line says instead of it; read anew at each reload.

    Raises:
        ConfigError: see `load_config`.
    """
    config = load_config(Path(options.config) if options.config else None)
    if options.address:
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, address=options.address))
    if options.model:
        config = msgspec.structs.replace(config, models=msgspec.structs.replace(config.models, default=options.model))
    if options.engine:
        config = msgspec.structs.replace(config, engine=config.engine.only(options.engine))
    return msgspec.structs.replace(config, log=_log(config.log, options))


def _log(table: Log, options: argparse.Namespace) -> Log:
    level = options.log_level or ("info" if options.verbose else table.level)
    return msgspec.structs.replace(table, level=level, format=options.log_format or table.format)


async def _serve(read: Callable[[], Config]) -> bool:
    """Serve; whether it was told to stop, and did not have to."""
    stop, hangup = stop_signals(), _hangup()
    notifier = Notifier.inherited()
    config = read()
    logs.set_up(config.log)
    server = Server(config, read, sockets_for(config))
    async with AsyncExitStack() as stack:
        async with _beside(ask_for_patience(notifier)):
            if not await _before(stop, stack.enter_async_context(server)):
                return True
        vigil = Vigil(notifier, server.state, server.answers)
        running.settle()
        models = ", ".join(server.state()["models"])
        print(f"stemd {__version__} ready on {config.address.requests} with {models}", flush=True)
        vigil.ready()
        async with _beside(vigil.watch(), _when(server.broken, stop.set)):
            async with _beside(_reload_on(hangup, server, notifier, vigil)):
                await stop.wait()
            notifier.stopping(server.config.server.drain_timeout + _RELEASE)
            print("stemd stops: taking nothing new, sending what is inside", flush=True)
            await stack.aclose()
    return not server.broken.is_set()


async def _when(event: asyncio.Event, do: Callable[[], None]) -> None:
    await event.wait()
    do()


def _hangup() -> asyncio.Event:
    """An event that SIGHUP sets, where there is such a signal; one that comes before the start is over counts."""
    hangup = asyncio.Event()
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    return hangup


async def _reload_on(hangup: asyncio.Event, server: Server, notifier: Notifier, vigil: Vigil) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        notifier.reloading()
        try:
            await server.reread()
        except StemdError as exc:
            log.error("reload: nothing has changed: %s", exc)
        except Exception:
            log.exception("a reload failed inside the daemon")
        vigil.ready()


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do these things as long as the block lasts."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _before(stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
    """Do something that `stop` breaks off; whether it was done."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not doing.done():
        doing.cancel()
        with suppress(asyncio.CancelledError):
            await doing
            return True  # it was over before it heard of it
        return False
    await doing
    return True


def check_config(options: argparse.Namespace) -> int:
    """Say whether a file can be used, or print the defaults."""
    if options.defaults:
        print(as_toml(Config()), end="")
        return 0
    if not options.file:
        raise ConfigError("name a file to check, or --defaults to print one")
    load_config(Path(options.file))
    print(f"{options.file}: fine")
    return 0
