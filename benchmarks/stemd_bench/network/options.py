"""What can be asked of `stemd bench network`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from stemd.errors import ConfigError
from stemd.separation.manifest import Storage
from stemd_bench.machine import cores
from stemd_bench.suite import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """As on the command line.

    Attributes:
        quick: the narrow network, few repeats, no compiling.
        threads: of every contender.
        repeats: how often each is timed.
        peer: a graph that demucs-onnx made of the same network; None: make one if it is installed.
        storage: of the large weights in the graphs.
        compile_within: seconds that torch.compile may take.
    """

    quick: bool = False
    threads: int = 1
    repeats: int = 5
    peer: Path | None = None
    storage: Storage = "float32"
    compile_within: float = 600.0


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for.

    Raises:
        ConfigError: a number is too small, or the peer's graph is not there.
    """
    from stemd_bench.network.suite import Network  # noqa: PLC0415 - only where it is wanted

    return Network(from_arguments(arguments))


def from_arguments(arguments: argparse.Namespace) -> Options:
    """What the command line says.

    Raises:
        ConfigError: a number is too small, or the peer's graph is not there.
    """
    repeats = arguments.repeats if arguments.repeats is not None else 2 if arguments.quick else 5
    threads = arguments.threads if arguments.threads is not None else cores()
    if repeats < 1 or threads < 1:
        raise ConfigError("--repeats and --threads take whole numbers from 1")
    peer = Path(arguments.peer) if arguments.peer else None
    if peer and not peer.is_file():
        raise ConfigError(f"--peer {peer}: no such file")
    return Options(
        quick=arguments.quick,
        threads=threads,
        repeats=repeats,
        peer=peer,
        storage=arguments.storage,
        compile_within=arguments.compile_within,
    )
