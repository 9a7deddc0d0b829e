"""`stemd web`: the page with meters, mixer and Listen."""

import argparse

from stemd_client.web.serving import serve
from stemd_client.web.settings import settings


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: host, port or token cannot be used.
        StemdError: the port cannot be had.
    """
    serve(
        settings(
            address=options.address,
            host=options.host,
            port=options.port,
            token=options.token,
            browser=options.open,
        )
    )
    return 0
