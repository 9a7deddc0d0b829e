"""The `stemd` command: arguments here, each subcommand imported only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

from stemd.commands import bench_arguments, jack_arguments, live_arguments, obs_arguments, top_arguments, web_arguments
from stemd.errors import ConfigError, StemdError

EX_CONFIG: Final = 78  # sysexits.h

Run = Callable[[argparse.Namespace], int]

# What a module needs beside the base install, by the extra that brings it.
_EXTRAS: Final = {
    "stemd_export": "export",
    "stemd_bench": "bench",
    "matplotlib": "bench",
    "psutil": "bench",
    "torch": "export",
    "demucs": "export",
    "onnx": "export",
    "jack": "jack",
    "aiohttp": "web",
    "obsws_python": "obs",
    "websocket": "obs",
    "segno": "web",
    "textual": "top",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    try:
        module, function = options.run.split(":")
        run: Run = getattr(importlib.import_module(module), function)
        return run(options)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("stemd"):
            raise
        extra = _EXTRAS.get(exc.name.partition(".")[0], "daemon")
        return _complain(f"this needs the package {exc.name!r}: pip install 'stemd[{extra}]'")
    except StemdError as exc:
        return _complain(str(exc), EX_CONFIG if isinstance(exc, ConfigError) else 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _complain(text: str, status: int = 1) -> int:
    print(f"stemd: {text}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stemd", description="Separates music into stems while it plays, at a latency that is declared and kept."
    )
    parser.add_argument("--version", action="version", version=f"stemd {version('stemd')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (
        _serve,
        _live,
        _mix,
        _measure,
        _devices,
        _stream,
        _listen,
        _jack,
        _web,
        _obs,
        _separate,
        _models,
        _check_config,
        _status,
        _top,
        _doctor,
        _tune,
        _demo,
        _bench,
        _export,
        _version,
    ):
        add(commands)
    return parser


Commands = argparse._SubParsersAction


def _command(commands: "Commands[argparse.ArgumentParser]", name: str, run: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="WHERE",
        help="ipc:///a/folder or tcp://host:port (default: $STEMD_ADDRESS, else this user's own folder)",
    )


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="TOML file; `stemd check-config --defaults` prints one")


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=("onnxruntime", "openvino", "auto"), help="instead of the configuration's; auto: the faster"
    )


def _serve(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "serve", "stemd.commands.serve:run", "run the daemon until it is told to stop")
    _config(parser)
    _address(parser)
    parser.add_argument("--model", metavar="NAME", help="default model, instead of the configuration's")
    _engine(parser)
    parser.add_argument("--verbose", "-v", action="store_true", help="say what engines and clients do")


def _live(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "live", "stemd.commands.live:run", "take stems out of what a sound device hears")
    live_arguments.live(parser)
    _config(parser)
    _address(parser)
    _engine(parser)


def _mix(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "mix", "stemd.commands.mix:run", "turn the mixer of a stream, or see where it stands")
    live_arguments.mix(parser)
    _address(parser)


def _measure(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "measure", "stemd.commands.measure:run", "measure the latency that is heard")
    live_arguments.measure(parser)
    _address(parser)


def _devices(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "devices", "stemd.commands.devices:run", "list the sound devices")
    live_arguments.devices(parser)


def _stream(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "stream", "stemd.commands.clients:stream", "play a file through a running daemon")
    parser.add_argument("file", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--name", default="file", help="the stream's name (default: file)")
    parser.add_argument("--timing", choices=("realtime", "free"), default="realtime", help="free: as fast as it goes")
    parser.add_argument("--plan", help="window plan: live, studio, one of the configuration, or S,H,O,L in frames")
    parser.add_argument("--model", help="model (default: the daemon's)")
    parser.add_argument("--block-ms", type=float, default=20.0, help="length of a block (default: 20)")
    _address(parser)


def _listen(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "listen", "stemd.commands.clients:listen", "hear a stem, or write it to a file")
    parser.add_argument("stream", help="the stream's name")
    parser.add_argument("stem", help="vocals, instrumental, mix, out, ...")
    parser.add_argument("-o", "--output", metavar="FILE", help="WAV or FLAC to write; without it the sound card plays")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")
    parser.add_argument("--format", choices=("f32le", "s16le"), default="f32le", help="on the wire (default: f32le)")
    parser.add_argument(
        "--delivery", choices=("live", "lossless"), help="live drops what is read late (default: lossless into a file)"
    )
    _address(parser)


def _obs(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "obs", "stemd.commands.obs:setup", "bring a stem into OBS Studio, and set its delays")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    run = "stemd.commands.obs"
    text = "put a script into OBS' folder: a stem with its own meter and fader"
    obs_arguments.install_script(_command(actions, "install-script", f"{run}:install_script", text))
    text = "delete the script again"
    obs_arguments.remove_script(_command(actions, "remove-script", f"{run}:remove_script", text))
    text = "make a browser source and hold the picture back, in a running OBS"
    setup = _command(actions, "setup", f"{run}:setup", text)
    obs_arguments.setup(setup)
    _address(setup)
    obs_arguments.undo(_command(actions, "undo", f"{run}:undo", "take away what `stemd obs setup` made"))


def _web(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "web", "stemd.commands.web:run", "serve a page with meters, mixer and Listen")
    web_arguments.web(parser)
    _address(parser)


def _jack(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "jack", "stemd.commands.jack:run", "be stems in JACK or PipeWire, for a workstation")
    jack_arguments.jack(parser)
    _address(parser)


def _separate(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "separate", "stemd.commands.separate:run", "separate files, without a daemon")
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="where the stems go, as DIR/NAME/STEM.wav")
    parser.add_argument("--stem", action="append", help="only this stem, or `instrumental`; may be given again")
    parser.add_argument("--model", default="spleeter-vocals", help="model (default: spleeter-vocals)")
    parser.add_argument("--plan", help="studio, live, or S,H,O,L in frames (default: the longest segments that fit)")
    parser.add_argument("--format", choices=("wav", "flac"), default="wav", help="of what is written (default: wav)")
    parser.add_argument("--threads", type=int, default=0, help="of the network (default: one a core)")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument("--verbose", "-v", action="store_true", help="say where the network runs")
    _engine(parser)
    _config(parser)


def _models(commands: "Commands[argparse.ArgumentParser]") -> None:
    store, get = "stemd.commands.models", "stemd.commands.models_get"
    text = "see which models there are, get more, check and remove them"
    parser = _command(commands, "models", f"{store}:list_models", text)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "list", f"{store}:list_models", "list models, their stems and licences")
    listing.add_argument("--json", action="store_true", help="for scripts")
    pulling = _command(actions, "pull", f"{get}:pull_model", "fetch a model from a hub; cut off, it goes on next time")
    pulling.add_argument("name", metavar="NAME", help="one that `stemd models list` offers, or with --repo any")
    pulling.add_argument("--repo", metavar="OWNER/NAME", help="another repository, for example one in stemd's layout")
    pulling.add_argument("--revision", metavar="COMMIT", help="commit, tag or branch (default: the one stemd knows)")
    importing = _command(actions, "import", f"{get}:import_models", "make a model of files that are here already")
    _import_arguments(importing)
    checking = _command(actions, "verify", f"{store}:verify_models", "check each file, and run each network once")
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    removing = _command(actions, "remove", f"{store}:remove_models", "delete models, and what was half fetched of them")
    removing.add_argument("names", nargs="+", metavar="NAME")
    where = _command(actions, "path", f"{store}:print_path", "print where models are kept, or where one is")
    where.add_argument("name", nargs="?", metavar="NAME")
    for each in (pulling, importing, removing):
        each.add_argument("--yes", "-y", action="store_true", help="do not ask")
        each.add_argument("--folder", metavar="DIR", help="of models (default: what `stemd models path` prints)")
    for each in (parser, listing, pulling, importing, checking, removing, where):
        _config(each)


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a folder, or graphs as x_vocals.onnx, x_drums.onnx")
    parser.add_argument("--name", help="the model's name (default: what the files' names have in common)")
    parser.add_argument("--stem", help="which stem a graph is for, if its name does not say; several as a,b,c")
    parser.add_argument("--row", help="which of its outputs that is: a number from 0, or a stem of HT-Demucs")
    parser.add_argument("--rows", type=int, metavar="N", help="how many outputs it has, if it does not say")
    parser.add_argument("--segment", type=int, metavar="FRAMES", help="how much it sees at once, if it does not say")
    parser.add_argument("--rate", type=int, default=44_100, metavar="HZ", help="its sample rate (default: 44100)")


def _check_config(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "check-config", "stemd.commands.serve:check_config", "check a configuration file")
    parser.add_argument("file", nargs="?", help="TOML file")
    parser.add_argument("--defaults", action="store_true", help="print every key with its default")


def _status(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "status", "stemd.commands.clients:status", "see what a running daemon does")
    parser.add_argument("--json", action="store_true", help="for scripts")
    _address(parser)


def _top(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "top", "stemd.commands.top:run", "watch a running daemon, and turn its mixers")
    top_arguments.top(parser)
    _address(parser)


def _doctor(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "doctor", "stemd.commands.doctor:run", "see what is here, what is missing, what to do")
    parser.add_argument("--json", action="store_true", help="for scripts")
    _config(parser)
    _address(parser)


def _tune(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "tune", "stemd.commands.tune:run", "see what each window plan costs on this machine")
    bench_arguments.tune(parser)
    _config(parser)


def _demo(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "demo", "stemd_bench.demo:run", "play a song through a daemon of its own, and measure")
    parser.add_argument("file", nargs="?", help="a song (default: one made on the spot)")
    parser.add_argument("--out", default="demo", metavar="DIR", help="where stems and picture go (default: demo)")


def _bench(commands: "Commands[argparse.ArgumentParser]") -> None:
    run = "stemd_bench.command:run"
    parser = _command(commands, "bench", run, "measure what stemd costs on this machine")
    suites = parser.add_subparsers(title="suites", metavar="SUITE", dest="suite", required=True)
    overhead = _command(suites, "overhead", run, "what the daemon costs beside the network")
    network = _command(suites, "network", run, "one HT-Demucs segment in everything that can run it")
    live = _command(suites, "live", run, "the latency of a stream in real time, and what it costs in quality")
    soak = _command(suites, "soak", run, "ten minutes of one stream, with listeners that come and go")
    for suite, add in (
        (overhead, bench_arguments.overhead),
        (network, bench_arguments.network),
        (live, bench_arguments.live),
        (soak, bench_arguments.soak),
    ):
        bench_arguments.json(suite)
        add(suite)


def _export(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "export", "stemd.commands.export:run", "make a model from a published checkpoint")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="`stemd export --help` lists what can be exported")
    # What follows `export` is the exporter's own command line.
    parser.prefix_chars = "\0"


def _version(commands: "Commands[argparse.ArgumentParser]") -> None:
    _command(commands, "version", "stemd.commands.version:run", "print the version")
