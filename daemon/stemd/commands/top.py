"""`stemd top`: a running daemon on the terminal."""

import argparse

from stemd.errors import ConfigError
from stemd_client.top import command


def run(options: argparse.Namespace) -> int:
    """Show it until `q`, or print its state as lines of JSON until Ctrl-C.

    Raises:
        ConfigError: options do not go together.
        StemdError: there is no daemon, or no terminal.
    """
    if options.json and options.stream:
        raise ConfigError("--json prints every stream, so leave out --stream, which chooses one on the screen")
    if options.json:
        return command.lines(options.address, options.interval)
    return command.top(options.address, options.interval, options.stream)
