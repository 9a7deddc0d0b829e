"""`stemd serve` and `stemd check-config`."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from stemd import __version__
from stemd.config import Config, as_toml, load_config
from stemd.errors import ConfigError
from stemd.service.server import Server

log = logging.getLogger("stemd")


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; 0 after a clean stop."""
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(levelname)s %(message)s",
        stream=sys.stderr,
    )
    config = load_config(Path(options.config) if options.config else None)
    if options.address:
        config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, address=options.address))
    if options.model:
        config = msgspec.structs.replace(config, models=msgspec.structs.replace(config.models, default=options.model))
    if options.engine:
        config = msgspec.structs.replace(config, engine=config.engine.only(options.engine))
    # An audio callback waits for the interpreter at most this long (5 ms otherwise, which is a whole period).
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with Server(config) as server:
        models = ", ".join(server.state()["models"])
        gc.freeze()  # what is there by now stays, and to look through it all takes longer than a block
        print(f"stemd {__version__} ready on {config.address.requests} with {models}", flush=True)
        await stop.wait()
        print("stemd stops: taking nothing new, sending what is inside", flush=True)


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that a daemon runs on."""
    with suppress(ModuleNotFoundError):
        import uvloop  # noqa: PLC0415 - not on every system

        return uvloop.new_event_loop()
    # ZeroMQ needs `add_reader`, which the Proactor loop of Windows lacks.
    return asyncio.SelectorEventLoop()


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
