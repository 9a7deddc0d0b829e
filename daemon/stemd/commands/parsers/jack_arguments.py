"""The arguments of `stemd jack`; nothing is imported that only it needs."""

import argparse
from typing import Final

_EPILOG: Final = """\
ports: in_1 and in_2, and two for each stem: vocals_1, vocals_2, instrumental_1, ..., mix_1, out_1. A stem costs
nothing while nothing is connected to it. Every stem comes at the same latency, which JACK is told, so that a
workstation such as Ardour puts recorded stems where they belong. The ports stay when the daemon is started anew.

WHAT=PORTS of --connect: WHAT is `in` or a stem; PORTS is a client (all its ports), the beginning of a port's name, two
names with a comma between, or a pattern. What is not there yet is connected when it appears:
  stemd jack --connect in=system:capture --connect instrumental=system:playback
On PipeWire:
  pw-jack stemd jack --connect in=Firefox --connect instrumental=alsa_output.*"""


def jack(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--connect", action="append", metavar="WHAT=PORTS", help="see below; may be given again")
    parser.add_argument(
        "--stems", metavar="STEMS", help="to be ready though nothing is connected, as vocals,drums: no wait later"
    )
    parser.add_argument("--name", default="stemd", help="of the client in JACK (default: stemd)")
    parser.add_argument("--server", metavar="NAME", help="of the JACK server (default: $JACK_DEFAULT_SERVER)")
    parser.add_argument("--stream", metavar="NAME", default="jack", help="in the daemon, for clients (default: jack)")
    parser.add_argument("--plan", help="auto, fast, live, studio, one of the daemon's, or S,H,O,L (default: its own)")
    parser.add_argument("--model", metavar="NAME", help="instead of the daemon's default")
    parser.add_argument(
        "--margin", type=float, default=15.0, metavar="MS", help="for the way to the daemon and back (default: 15)"
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON each second, for scripts")
