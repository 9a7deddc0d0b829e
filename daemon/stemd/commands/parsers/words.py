"""What the parsers of several commands have in common."""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, run: str, text: str) -> argparse.ArgumentParser:
    """Add a command that calls `run`, as `module:function`; `text` says what it does, beginning with a verb."""
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def address(parser: argparse.ArgumentParser) -> None:
    """Add --address, and --key for what answers there."""
    bare_address(parser)
    parser.add_argument(
        "--key",
        metavar="NAME",
        help="of `stemd keys new`, or a file (default: $STEMD_KEY, else the one made for the address, if there is one)",
    )


def bare_address(parser: argparse.ArgumentParser) -> None:
    """Add --address."""
    parser.add_argument(
        "--address",
        metavar="WHERE",
        help="ipc:///a/folder or tcp://host:port (default: $STEMD_ADDRESS, else this user's own folder)",
    )


def config(parser: argparse.ArgumentParser) -> None:
    """Add --config."""
    parser.add_argument("--config", metavar="FILE", help="TOML file; `stemd check-config --defaults` prints one")


def engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine."""
    parser.add_argument(
        "--engine", choices=("onnxruntime", "openvino", "auto"), help="instead of the configuration's; auto: the faster"
    )
