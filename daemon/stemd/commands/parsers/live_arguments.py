"""The arguments of `stemd live`, `mix`, `measure` and `devices`; nothing is imported that only they need."""

import argparse

_LIVE: str = """\
keys, where standard input is a terminal:
  b            bypass on and off: the input as it came, at the same delay
  p or space   panic: bypass at once, however often it is pressed; b ends it
  v            mute and give back what --remove names, or the vocals
  + and -      10 percent wetter, 10 percent drier
  q            quit, as Ctrl-C does

Clients may subscribe to the stream and turn its mixer while it runs."""

_MEASURE: str = """\
A short chirp is played some times and looked for in the input: through a cable from the output to the input, or
through the monitor of a sink. While `stemd live` runs, --through measures what the audience hears: play into the
device that stemd captures, and listen to what it plays. With two null sinks of PulseAudio:
  stemd live --input pulse:src.monitor --output pulse:out
  stemd measure --through --output pulse:src --input pulse:out.monitor"""


def live(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd live`."""
    _epilog(parser, _LIVE)
    device = "as `stemd devices` names it"
    parser.add_argument(
        "--input", metavar="DEV", help=f"{device}; `system`: what this machine plays (default: default)"
    )
    parser.add_argument("--output", metavar="DEV", help=f"{device} (default: default)")
    parser.add_argument(
        "--virtual-sink", metavar="NAME", help="instead of --input: make a sink that other programs play to (Linux)"
    )
    parser.add_argument(
        "--virtual-mic", metavar="NAME", help="instead of --output: make a microphone that others hear (Linux)"
    )
    parser.add_argument("--remove", action="append", metavar="STEM", help="mute it; may be given again")
    parser.add_argument("--only", action="append", metavar="STEM", help="mute all the others; may be given again")
    parser.add_argument(
        "--gain",
        action="append",
        metavar="STEM=GAIN",
        help="as vocals=-12dB, vocals=0.25 or vocals=-inf; +18 dB at most",
    )
    parser.add_argument("--wet", type=float, metavar="X", help="0: the input as it came, 1: as mixed (default: 1)")
    parser.add_argument("--plan", help="auto, fast, live, studio, one of the configuration, or S,H,O,L (default: auto)")
    parser.add_argument("--model", metavar="NAME", help="instead of the configuration's")
    parser.add_argument("--name", metavar="NAME", help="of the stream, for clients (default: live)")
    parser.add_argument("--rate", type=int, metavar="HZ", help="of the input (default: its own)")
    parser.add_argument(
        "--limiter",
        action=argparse.BooleanOptionalAction,
        help="before the output (default: on; off: clipped, counted)",
    )
    parser.add_argument(
        "--clock", choices=("auto", "same", "own"), help="of the output; own: followed by resampling (default: auto)"
    )
    parser.add_argument(
        "--device-latency",
        metavar="TIME",
        help="of each device's buffers: as 0.02 or 20ms, low or high (default: 20ms)",
    )
    parser.add_argument("--no-keys", action="store_true", help="leave the keyboard alone")
    parser.add_argument("--verbose", "-v", action="store_true", help="say what engines and clients do")


def measure(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd measure`."""
    _epilog(parser, _MEASURE)
    parser.add_argument("--input", metavar="DEV", help="where it is to be heard (default: default)")
    parser.add_argument("--output", metavar="DEV", help="where it is played (default: default)")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="chirps (default: 20)")
    parser.add_argument("--level", type=float, default=-12.0, metavar="DB", help="of the chirps (default: -12 dBFS)")
    parser.add_argument("--rate", type=int, metavar="HZ", help="of both devices (default: the output's own)")
    parser.add_argument("--device-latency", metavar="TIME", help="as of `stemd live` (default: 20ms)")
    parser.add_argument("--through", action="store_true", help="through a stemd that runs: beside what it declares")
    parser.add_argument("--stream", metavar="NAME", help="of that stemd, to be sure that it is the one meant")
    parser.add_argument("--json", action="store_true", help="for scripts")


def mix(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd mix`."""
    parser.add_argument("stream", help="the stream's name, as live")
    parser.add_argument("--gain", action="append", metavar="STEM=GAIN", help="as vocals=-12dB, or rest=0.25")
    parser.add_argument("--mute", metavar="STEMS", help="these and no others, as vocals or drums,bass; '' for none")
    parser.add_argument("--solo", metavar="STEMS", help="these and no others; '' for none")
    parser.add_argument("--wet", type=float, metavar="X", help="0: the input as it came, 1: as mixed")
    parser.add_argument("--bypass", choices=("on", "off"), help="on: the input as it came, at the same delay")
    parser.add_argument("--panic", action="store_true", help="the same as --bypass on")
    parser.add_argument("--json", action="store_true", help="for scripts")


def devices(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd devices`."""
    parser.add_argument("--json", action="store_true", help="for scripts")


def _epilog(parser: argparse.ArgumentParser, text: str) -> None:
    parser.epilog = text
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
