"""The arguments of `stemd obs` and its actions; nothing is imported that only they need."""

import argparse

_SETUP: str = """\
A stem is late by what its stream declares. For sound and picture to fit, the picture has to be as late: up to 500 ms by
one Render Delay on the scene; beyond, by a Video Delay on each camera, capture card and media source. What cannot be
held back is named. Every call takes away first what an earlier one made; `stemd obs undo` takes all of it away.

OBS has to run, with Tools > WebSocket Server Settings > Enable WebSocket server. Port and password are read from the
configuration of OBS on this machine."""


def install_script(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd obs install-script`."""
    _folder(parser)
    parser.add_argument(
        "--python",
        metavar="VERSION",
        help="of the Python that OBS runs, as 3.11 (default: found in OBS, else this one)",
    )


def remove_script(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd obs remove-script`."""
    _folder(parser)


def setup(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd obs setup`."""
    parser.epilog = _SETUP
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--stream", metavar="NAME", help="(default: the one that is open)")
    parser.add_argument("--stem", default="instrumental", help="(default: instrumental)")
    parser.add_argument(
        "--scene", action="append", metavar="NAME", help="(default: the one on air); may be given again"
    )
    parser.add_argument(
        "--sound",
        choices=("auto", "browser", "script"),
        default="auto",
        help="how it comes into OBS (default: by a browser source, where OBS has one and the script does not run)",
    )
    parser.add_argument(
        "--web", metavar="URL", default="http://127.0.0.1:7380", help="where `stemd web` is (default: %(default)s)"
    )
    parser.add_argument("--latency", type=float, metavar="MS", help="of the stream, where it is not open now")
    parser.add_argument(
        "--trim", type=float, default=0.0, metavar="MS", help="more or, negative, less delay (default: 0)"
    )
    undo(parser)


def undo(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd obs undo`."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--host", help="of OBS (default: this machine)")
    parser.add_argument("--port", type=int, help="of obs-websocket (default: as OBS is set, else 4455)")
    parser.add_argument("--password", help="of obs-websocket (default: as OBS is set)")
    _flatpak(parser)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", metavar="DIR", help="of the script (default: scripts/stemd in OBS' own folder)")
    _flatpak(parser)


def _flatpak(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flatpak", action="store_true", help="the OBS from Flathub, which has folders of its own")
