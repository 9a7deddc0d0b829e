"""The arguments of `stemd web`; nothing is imported that only it needs."""

import argparse

_WEB: str = """\
The page shows every stream of the daemon: meters, latency and load, its mixer, and what its stems sound like. It may
be opened before the daemon runs, and outlives it. /listen?stream=NAME&stem=instrumental only plays, for the browser
source of OBS.

Only this machine can open it, unless --host says otherwise. With `--host 0.0.0.0` everybody in the same network can
who has the token; it is in the address that is printed, and in the QR code on the page."""


def web(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.epilog = _WEB
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1, this machine alone)")
    parser.add_argument("--port", type=int, default=7380, help="(default: 7380; 0: any that is free)")
    parser.add_argument(
        "--token", help="what browsers must show; `made`: a new one (default: none here, a new one beyond this machine)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in this machine's browser")
