"""The parsers of commands about files, models and measurements."""

import argparse

from stemd.commands.parsers import bench_arguments
from stemd.commands.parsers.words import Commands, command, config, engine


def separate(commands: Commands) -> None:
    """`stemd separate`."""
    parser = command(commands, "separate", "stemd.commands.separate:run", "separate files, without a daemon")
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="where the stems go, as DIR/NAME/STEM.wav")
    parser.add_argument("--stem", action="append", help="only this stem, or `instrumental`; may be given again")
    parser.add_argument("--model", default="spleeter-vocals", help="model (default: spleeter-vocals)")
    parser.add_argument("--plan", help="studio, live, or S,H,O,L in frames (default: the longest segments that fit)")
    parser.add_argument("--format", choices=("wav", "flac"), default="wav", help="of what is written (default: wav)")
    parser.add_argument("--threads", type=int, default=0, help="of the network (default: one a core)")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument("--verbose", "-v", action="store_true", help="say where the network runs")
    engine(parser)
    config(parser)


def models(commands: Commands) -> None:
    """`stemd models`."""
    store, get = "stemd.commands.models", "stemd.commands.models_get"
    text = "see which models there are, get more, check and remove them"
    parser = command(commands, "models", f"{store}:list_models", text)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = command(actions, "list", f"{store}:list_models", "list models, their stems and licences")
    listing.add_argument("--json", action="store_true", help="for scripts")
    pulling = command(actions, "pull", f"{get}:pull_model", "fetch a model from a hub; cut off, it goes on next time")
    pulling.add_argument("name", metavar="NAME", help="one that `stemd models list` offers, or with --repo any")
    pulling.add_argument("--repo", metavar="OWNER/NAME", help="another repository, for example one in stemd's layout")
    pulling.add_argument("--revision", metavar="COMMIT", help="commit, tag or branch (default: the one stemd knows)")
    importing = command(actions, "import", f"{get}:import_models", "make a model of files that are here already")
    _import_arguments(importing)
    checking = command(actions, "verify", f"{store}:verify_models", "check each file, and run each network once")
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    removing = command(actions, "remove", f"{store}:remove_models", "delete models, and what was half fetched of them")
    removing.add_argument("names", nargs="+", metavar="NAME")
    where = command(actions, "path", f"{store}:print_path", "print where models are kept, or where one is")
    where.add_argument("name", nargs="?", metavar="NAME")
    serving = command(
        actions, "export-triton", "stemd.commands.models_triton:export_triton", "write what a Triton server runs"
    )
    _triton_arguments(serving)
    for each in (pulling, importing, removing):
        each.add_argument("--yes", "-y", action="store_true", help="do not ask")
        each.add_argument("--folder", metavar="DIR", help="of models (default: what `stemd models path` prints)")
    for each in (parser, listing, pulling, importing, checking, removing, where, serving):
        config(each)


def demo(commands: Commands) -> None:
    """`stemd demo`."""
    parser = command(commands, "demo", "stemd_bench.demo:run", "play a song through a daemon of its own, and measure")
    parser.add_argument("file", nargs="?", help="a song (default: one made on the spot)")
    parser.add_argument("--out", default="demo", metavar="DIR", help="where stems and picture go (default: demo)")


def bench(commands: Commands) -> None:
    """`stemd bench`."""
    run = "stemd_bench.command:run"
    parser = command(commands, "bench", run, "measure what stemd costs on this machine")
    suites = parser.add_subparsers(title="suites", metavar="SUITE", dest="suite", required=True)
    latency = command(suites, "latency", run, "where a block's time goes, and under which load (half an hour)")
    streams = command(suites, "streams", run, "how many streams, how fairly, at which cost (an hour)")
    overhead = command(suites, "overhead", run, "what the daemon costs beside the network")
    network = command(suites, "network", run, "one HT-Demucs segment in everything that can run it")
    quality = command(suites, "quality", run, "how well stems are separated, by each plan (in full about ten minutes)")
    live = command(suites, "live", run, "the latency of a stream in real time, and what it costs in quality")
    soak = command(suites, "soak", run, "ten minutes of one stream, with listeners that come and go")
    workers = command(suites, "workers", run, "what workers as processes cost beside threads")
    cluster = command(suites, "cluster", run, "what networks on servers cost, and how many streams they hold")
    for suite, add in (
        (latency, bench_arguments.latency),
        (streams, bench_arguments.streams),
        (overhead, bench_arguments.overhead),
        (network, bench_arguments.network),
        (quality, bench_arguments.quality),
        (live, bench_arguments.live),
        (soak, bench_arguments.soak),
        (workers, bench_arguments.overhead),
        (cluster, bench_arguments.cluster),
    ):
        bench_arguments.common(suite)
        add(suite)
    page = "stemd_bench.pages.command:run"
    bench_arguments.report(command(suites, "report", page, "make a page of all suites, for screen, phone and paper"))
    plan = "stemd_bench.cluster.plan_command:run"
    bench_arguments.plan(command(suites, "plan", plan, "reckon what more streams need, from a report of cluster"))
    compare = "stemd_bench.compare.command:run"
    bench_arguments.compare(command(suites, "compare", compare, "see what changed between two runs of a suite"))


def export(commands: Commands) -> None:
    """`stemd export`."""
    parser = command(commands, "export", "stemd.commands.export:run", "make a model from a published checkpoint")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="`stemd export --help` lists what can be exported")
    # What follows `export` is the exporter's own command line.
    parser.prefix_chars = "\0"


def version(commands: Commands) -> None:
    """`stemd version`."""
    command(commands, "version", "stemd.commands.version:run", "print the version")


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a folder, or graphs as x_vocals.onnx, x_drums.onnx")
    parser.add_argument("--name", help="the model's name (default: what the files' names have in common)")
    parser.add_argument("--stem", help="which stem a graph is for, if its name does not say; several as a,b,c")
    parser.add_argument("--row", help="which of its outputs that is: a number from 0, or a stem of HT-Demucs")
    parser.add_argument("--rows", type=int, metavar="N", help="how many outputs it has, if it does not say")
    parser.add_argument("--segment", type=int, metavar="FRAMES", help="how much it sees at once, if it does not say")
    parser.add_argument("--rate", type=int, default=44_100, metavar="HZ", help="its sample rate (default: 44100)")


def _triton_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the model repository; new, empty, or of an earlier export")
    parser.add_argument("--model", action="append", metavar="NAME", help="only this one; may be given again")
    parser.add_argument(
        "--backend",
        choices=("auto", "python", "onnxruntime"),
        default="auto",
        help="of Triton: onnxruntime, for models from samples to samples (`stemd export ... --portable`), or python, "
        "for all, which wants stemd in the server's Python (default: auto, the first of them that can)",
    )
    parser.add_argument("--instances", type=int, default=1, metavar="N", help="of each network, at a time (default: 1)")
    parser.add_argument(
        "--engine",
        choices=("onnxruntime", "openvino"),
        default="onnxruntime",
        help="in the python backend (default: onnxruntime)",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of one run (default: the server's cores)")
    parser.add_argument("--gpu", action="store_true", help="run on the server's GPU (its first, in the python backend)")
