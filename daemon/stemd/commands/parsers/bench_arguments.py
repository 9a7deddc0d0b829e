"""The arguments of `stemd tune` and of the suites of `stemd bench`; nothing is imported that only they need."""

import argparse


def tune(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd tune`."""
    parser.add_argument("--model", metavar="NAME", help="instead of the configuration's default")
    parser.add_argument(
        "--song", metavar="FOLDER", nargs="+", action="extend", help="with mixture and true stems: what plans lose"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


def common(parser: argparse.ArgumentParser) -> None:
    """Add what every suite has beside `--quick`."""
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write results as JSON (default: to the screen)"
    )
    parser.add_argument("--plot", metavar="FOLDER", help="draw the results into a folder, as SVG")


def latency(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench latency`."""
    parser.add_argument("--quick", action="store_true", help="a minute or two: shorter, once, a narrow HT-Demucs")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each stream (default: 10; quick: 3)")
    plans = "auto,live,fast,studio; quick: without studio"
    parser.add_argument("--plan", metavar="NAMES", help=f"which, the first in all other cases (default: {plans})")
    parser.add_argument(
        "--network", metavar="NAMES", help="which, the first in all other cases (default: spleeter,copying,htdemucs)"
    )
    parser.add_argument("--streams", metavar="NUMBERS", help="how many at once (default: 2,4,8; quick: 2)")


def overhead(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench overhead`."""
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")


def streams(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench streams`."""
    parser.add_argument("--quick", action="store_true", help="fewer of everything, once: about two minutes")
    parser.add_argument("--streams", type=int, metavar="N", help="the most that are tried (default: 128; quick: 32)")
    parser.add_argument(
        "--plan", metavar="NAMES", help="of live, fast, auto, roomy, studio (default: all; quick: the fewest)"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="of each play (default: 4; quick: 1)")


def network(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench network`."""
    parser.add_argument("--quick", action="store_true", help="a narrow network, fewer runs, nothing compiled")
    parser.add_argument("--repeats", type=int, metavar="N", help="how often each is timed (default: 5; quick: 2)")
    parser.add_argument("--threads", type=int, metavar="N", help="of each contender (default: one a core)")
    parser.add_argument("--peer", metavar="FILE", help="graph by demucs-onnx (default: made, if that is installed)")
    parser.add_argument(
        "--storage", choices=("float32", "float16"), default="float32", help="of the graphs' weights (default: float32)"
    )
    parser.add_argument(
        "--compile-within", type=float, default=600.0, metavar="S", help="limit for torch.compile (default: 600)"
    )


def live(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench live`."""
    parser.add_argument("--quick", action="store_true", help="ten seconds a stream, of each song the first ten")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each stream (default: 120; quick: 10)")
    parser.add_argument("--plan", default="auto,fast,live", metavar="NAMES", help="which (default: auto,fast,live)")
    parser.add_argument("--rate", default="44100", metavar="HZ", help="44100, 48000 or both (default: 44100)")
    parser.add_argument(
        "--songs", metavar="FOLDER", help="of folders with mixture and stems (default: ../shared/audio)"
    )
    parser.add_argument(
        "--beside", action="store_true", help="also beside a free stream with HT-Demucs (seeded weights)"
    )


def quality(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench quality`."""
    parser.add_argument("--quick", action="store_true", help="a minute or two: the first ten seconds of each song")
    parser.add_argument("--model", metavar="NAME", help="instead of the shipped one")
    parser.add_argument(
        "--songs", metavar="FOLDER", help="of folders with mixture and stems (default: ../shared/audio, or a made song)"
    )
    plans = "studio,live,fast,auto"
    parser.add_argument("--plan", default=plans, metavar="NAMES", help=f"through which songs go (default: {plans})")
    instead = parser.add_mutually_exclusive_group()
    told = "instead: take back one choice of the plans at a time (about seven minutes)"
    instead.add_argument("--choices", action="store_true", help=told)
    instead.add_argument("--curve", action="store_true", help="instead: SDR by hop and lookahead (about 20 minutes)")


def soak(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench soak`."""
    parser.add_argument("--quick", action="store_true", help="twenty seconds")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long (default: 600; quick: 20)")
    parser.add_argument("--plan", default="auto", help="of the stream (default: auto)")
    parser.add_argument("--devices", action="store_true", help="through sound devices of a PulseAudio of its own")


def cluster(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench cluster`."""
    parser.add_argument("--quick", action="store_true", help="about a minute: two servers, one plan, once")
    parser.add_argument(
        "--servers", type=int, metavar="N", help="the most that are started, each held to a core (default: as many)"
    )
    parser.add_argument("--streams", type=int, metavar="N", help="the most that are tried (default: 128; quick: 32)")
    plans = "of live, fast, auto, roomy, studio (default: roomy,auto; quick: roomy)"
    parser.add_argument("--plan", metavar="NAMES", help=f"that streams are counted with, {plans}")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each play and request (default: 4; quick: 1)")


def plan(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench plan`."""
    parser.description = "Reckon what more streams would need, from what one was measured to cost: an extrapolation."
    parser.add_argument("file", metavar="FILE", help="what `stemd bench cluster --json FILE` wrote")
    parser.add_argument(
        "--streams", default="10,1000,100000", metavar="NUMBERS", help="how many (default: 10,1000,100000)"
    )
    parser.add_argument("--server-cores", type=int, default=4, metavar="N", help="of a server (default: 4)")
    parser.add_argument(
        "--link", type=float, default=10.0, metavar="GBIT", help="a daemon's network, Gbit/s each way (default: 10)"
    )
    parser.add_argument("--listeners", type=int, default=1, metavar="N", help="of each stream (default: 1)")


def compare(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench compare`."""
    parser.description = "See what changed between two runs of a suite; exit status 1 if anything got worse."
    parser.add_argument("before", metavar="A.json", help="what `stemd bench SUITE --json FILE` wrote")
    parser.add_argument("after", metavar="B.json", help="likewise, of the same suite with the same options")
    parser.add_argument(
        "--threshold", type=float, default=10.0, metavar="PERCENT", help="smaller changes do not count (default: 10)"
    )
    parser.add_argument(
        "--threshold-db", type=float, default=0.1, metavar="DB", help="likewise of what is in dB (default: 0.1)"
    )
    parser.add_argument("--all", action="store_true", help="show every quantity, also where nothing changed")
    common(parser)


def report(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench report`."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="what suites wrote by --json, only drawn (default: measure, 2 1/2 hours; quick: a quarter of one)",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default="report",
        help="of index.html, report.md, readme.md, plots and each suite's JSON; suites whose JSON is there already are "
        "not run again, so a run that was cut off goes on (default: report)",
    )
    parser.add_argument("--suites", metavar="NAMES", help="which to run, with a comma between (default: all)")
    parser.add_argument("--quick", action="store_true", help="run each suite with --quick")
    parser.add_argument("--again", action="store_true", help="also run suites whose JSON is there already")
    parser.add_argument("--readme", metavar="FILE", help="also put the figures between their two lines of comment here")
