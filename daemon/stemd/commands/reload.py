"""`stemd reload`."""

import argparse

from stemd.config.effects import described
from stemd_client.sync import Client


def run(options: argparse.Namespace) -> int:
    """Have the daemon read its configuration and models again, and say what that changed."""
    with Client(options.address) as client:
        reloaded = client.reload()
    for line in described(reloaded.changed, reloaded.notes):
        print(line)
    return 0
