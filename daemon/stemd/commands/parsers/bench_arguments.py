"""The arguments of `stemd tune` and of the suites of `stemd bench`; nothing is imported that only they need."""

import argparse


def tune(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd tune`."""
    parser.add_argument("--model", metavar="NAME", help="instead of the configuration's default")
    parser.add_argument(
        "--song", metavar="FOLDER", nargs="+", action="extend", help="with mixture and true stems: what plans lose"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


def json(parser: argparse.ArgumentParser) -> None:
    """Add what every suite has."""
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write results as JSON (default: to the screen)"
    )


def overhead(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench overhead`."""
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")


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
    parser.add_argument("--plot", metavar="FILE", help="histograms of the latency, as SVG")
    parser.add_argument("--choices", action="store_true", help="instead: take back one choice of the plans at a time")
    parser.add_argument(
        "--curve", metavar="FILE", nargs="?", const="latency.svg", help="instead: SDR by hop and lookahead, as SVG"
    )


def soak(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd bench soak`."""
    parser.add_argument("--quick", action="store_true", help="twenty seconds")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long (default: 600; quick: 20)")
    parser.add_argument("--plan", default="auto", help="of the stream (default: auto)")
    parser.add_argument("--devices", action="store_true", help="through sound devices of a PulseAudio of its own")
