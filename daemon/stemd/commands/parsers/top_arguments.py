"""The arguments of `stemd top`; nothing is imported that only it needs."""

import argparse

_TOP: str = """\
keys:
  up down, k j      choose a part of the mixer
  left right, Tab   choose a stream
  + - and . ,       gain by 1 dB and by 0.1 dB; 0: to 0 dB
  m s               mute, solo
  w W               wet 10 percent down, up
  b                 bypass on and off: the input as it came, at the same delay
  p or space        panic: bypass at once, however often it is pressed; b ends it
  ?                 help; q: quit

Nothing is subscribed to, so watching costs the network nothing: there are meters for the mixture, and for the stems
that somebody else listens to. Works over ssh, in 80x24, in 16 colours and with NO_COLOR."""


def top(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd top`."""
    parser.epilog = _TOP
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="for scripts: the state as a line of JSON, again and again")
    parser.add_argument(
        "--interval", type=float, default=0.1, metavar="S", help="seconds between two looks (default: 0.1, the least)"
    )
    parser.add_argument("--stream", metavar="NAME", help="the one to choose first (default: the first)")
