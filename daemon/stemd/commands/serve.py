"""`stemd serve` and `stemd check-config`."""

import argparse
import logging
import sys
from pathlib import Path

import msgspec

from stemd import __version__
from stemd.commands import running
from stemd.config import Config, as_toml, load_config
from stemd.errors import ConfigError
from stemd.service.server import Server
from stemd_client.running import stop_signals

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
    running.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    stop = stop_signals()
    async with Server(config) as server:
        models = ", ".join(server.state()["models"])
        running.settle()
        print(f"stemd {__version__} ready on {config.address.requests} with {models}", flush=True)
        await stop.wait()
        print("stemd stops: taking nothing new, sending what is inside", flush=True)


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
