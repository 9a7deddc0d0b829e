"""The `stemd` command: arguments here, each subcommand imported only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

from stemd.commands.parsers import clients, daemon, offline
from stemd.errors import ConfigError, StemdError

EX_CONFIG: Final = 78  # sysexits.h

Run = Callable[[argparse.Namespace], int]

# What a module needs beside the base install, by the extra that brings it.
_EXTRAS: Final = {
    "stemd_export": "export",
    "stemd_bench": "bench",
    "jinja2": "bench",
    "matplotlib": "bench",
    "psutil": "bench",
    "torch": "export",
    "demucs": "export",
    "onnx": "export",
    "jack": "jack",
    "aiohttp": "web",
    "obsws_python": "obs",
    "websocket": "obs",
    "segno": "web",
    "textual": "top",
    "tritonclient": "triton",
    "google": "triton",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    if key := getattr(options, "key", None):
        os.environ["STEMD_KEY"] = key  # where every client looks that the command makes
    try:
        module, function = options.run.split(":")
        run: Run = getattr(importlib.import_module(module), function)
        return run(options)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("stemd"):
            raise
        extra = _EXTRAS.get(exc.name.partition(".")[0], "daemon")
        return _complain(f"this needs the package {exc.name!r}: pip install 'stemd[{extra}]'")
    except StemdError as exc:
        return _complain(str(exc), EX_CONFIG if isinstance(exc, ConfigError) else 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _complain(text: str, status: int = 1) -> int:
    print(f"stemd: {text}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stemd", description="Separates music into stems while it plays, at a latency that is declared and kept."
    )
    parser.add_argument("--version", action="version", version=f"stemd {version('stemd')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (
        daemon.serve,
        daemon.live,
        daemon.mix,
        daemon.measure,
        daemon.devices,
        clients.stream,
        clients.listen,
        clients.jack,
        clients.web,
        clients.obs,
        offline.separate,
        offline.models,
        daemon.check_config,
        daemon.reload,
        daemon.keys,
        clients.status,
        clients.top,
        daemon.doctor,
        daemon.tune,
        daemon.install_service,
        daemon.uninstall_service,
        offline.demo,
        offline.bench,
        offline.export,
        offline.version,
    ):
        add(commands)
    return parser
