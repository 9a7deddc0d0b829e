"""`stemd stream`, `listen` and `status`: what talks to a running daemon."""

import argparse
from pathlib import Path

from stemd.commands.plans import parse_plan
from stemd_client import commands


def stream(options: argparse.Namespace) -> int:
    """Play a file through the daemon."""
    return commands.stream_file(
        Path(options.file),
        options.name,
        options.address,
        timing=options.timing,
        plan=parse_plan(options.plan),
        model=options.model,
        block_ms=options.block_ms,
    )


def listen(options: argparse.Namespace) -> int:
    """Hear or write a stem."""
    output = Path(options.output) if options.output else None
    return commands.listen(
        options.stream,
        options.stem,
        options.address,
        output=output,
        fmt=options.format,
        delivery=options.delivery or ("lossless" if output else "live"),
        force=options.force,
    )


def status(options: argparse.Namespace) -> int:
    """Show what the daemon does."""
    return commands.status(options.address, as_json=options.json)
