"""The `stemd` command: arguments here, each subcommand imported only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

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
    for add in (_serve, _stream, _listen, _separate, _models, _check_config, _status, _demo, _bench, _export, _version):
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


def _serve(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "serve", "stemd.commands.serve:run", "run the daemon until it is told to stop")
    _config(parser)
    _address(parser)
    parser.add_argument("--model", metavar="NAME", help="default model, instead of the configuration's")
    parser.add_argument("--verbose", "-v", action="store_true", help="say what clients do")


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
    _config(parser)


def _models(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands, "models", "stemd.commands.models:list_models", "see which models there are, and check them"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "list", "stemd.commands.models:list_models", "list models, their stems and licences")
    checking = _command(
        actions, "verify", "stemd.commands.models:verify_models", "check files, and run each network once"
    )
    checking.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    for each in (parser, listing, checking):
        _config(each)


def _check_config(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "check-config", "stemd.commands.serve:check_config", "check a configuration file")
    parser.add_argument("file", nargs="?", help="TOML file")
    parser.add_argument("--defaults", action="store_true", help="print every key with its default")


def _status(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "status", "stemd.commands.clients:status", "see what a running daemon does")
    parser.add_argument("--json", action="store_true", help="for scripts")
    _address(parser)


def _demo(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "demo", "stemd_bench.demo:run", "play a song through a daemon of its own, and measure")
    parser.add_argument("file", nargs="?", help="a song (default: one made on the spot)")
    parser.add_argument("--out", default="demo", metavar="DIR", help="where stems and picture go (default: demo)")


def _bench(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "bench", "stemd_bench.command:run", "measure what stemd costs on this machine")
    parser.add_argument("suite", choices=("overhead",), help="overhead: what the daemon costs beside the network")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write results as JSON (default: to the screen)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")


def _export(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = _command(commands, "export", "stemd.commands.export:run", "make a model from a published checkpoint")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="`stemd export --help` lists what can be exported")
    # What follows `export` is the exporter's own command line.
    parser.prefix_chars = "\0"


def _version(commands: "Commands[argparse.ArgumentParser]") -> None:
    _command(commands, "version", "stemd.commands.version:run", "print the version")
