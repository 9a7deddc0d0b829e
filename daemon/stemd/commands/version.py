"""`stemd version`."""

import argparse

from stemd import __version__, protocol


def run(_: argparse.Namespace) -> int:
    """Print the version of stemd and of its protocol."""
    print(f"stemd {__version__} (protocol {protocol.MAJOR}.{protocol.MINOR})")
    return 0
