"""`stemd demo`: a song through a daemon of its own at real-time pace, and what came of it.

The daemon is a real process and the way to it is ZeroMQ, so what is heard and measured is what a user gets.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import soundfile
from rich.console import Console

from stemd.audio import Float32Array
from stemd.errors import ConfigError, StemdError
from stemd_bench.demo.piece import Piece, from_file, made_song
from stemd_bench.demo.playing import Performance, StandstillError, perform
from stemd_bench.demo.screen import watcher
from stemd_bench.demo.summary import Figures, check_laws, measure, table
from stemd_bench.process import Daemon, ends_tidily
from stemd_client.running import run as run_client

TRIES: Final = 3  # how often the song is begun on a machine that stands still now and then
# The mixture is written as received, so it is the stem `mix`.
FILES: Final = {
    "vocals": "vocals.wav",
    "instrumental": "instrumental.wav",
    "mix": "mixture.wav",
    "picture": "stems.png",
}


def run(options: argparse.Namespace) -> int:
    """Play the song, or a file, and leave stems, picture and figures; files of an earlier demo are overwritten."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    out = Path(options.out)
    if options.file is None:
        console.print("Making a song", highlight=False)
        piece = made_song()
    else:
        piece = from_file(Path(options.file))
    demonstrate(piece, out, console)
    return 0


def demonstrate(piece: Piece, out: Path, console: Console) -> Figures:
    """Play a piece through a daemon of its own, and write what came back.

    Raises:
        StemdError: something failed; nothing is left running.
    """
    files = _make_room(out)
    with ends_tidily(), Daemon() as daemon:
        _announce(piece, console)
        show = _performed(piece, daemon.address, console)
    stems = {stem: heard.samples() for stem, heard in show.heard.items()}
    check_laws(show, stems)
    _write(stems, piece, files, console)
    figures = measure(show, stems)
    console.print()
    console.print(table(figures, files), highlight=False)
    return figures


def _announce(piece: Piece, console: Console) -> None:
    remark = f" ({piece.remark})" if piece.remark else ""
    text = f"Playing {piece.title}{remark} through a daemon of its own, for {piece.seconds:.0f} s"
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _performed(piece: Piece, address: str, console: Console, tries: int = TRIES) -> Performance:
    """Play it, and begin anew where the machine stands still in the middle."""
    try:
        return run_client(perform(piece, address, watcher(console)))
    except StandstillError as exc:
        if tries == 1:
            raise StemdError(f"{exc}; end what else runs here, and start the demo again") from exc
        console.print(f"{exc}; playing it once more", highlight=False, soft_wrap=True)
        return _performed(piece, address, console, tries - 1)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault that ended the others: ours where there is one."""
    ours = group.subgroup(StemdError)
    found: BaseException = (ours or group).exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _make_room(out: Path) -> dict[str, Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = {name: out / file for name, file in FILES.items()}
        for file in files.values():
            file.unlink(missing_ok=True)  # what an earlier run left must not pass for this one's
    except OSError as exc:
        raise ConfigError(f"{exc.filename or out}: cannot be written ({exc.strerror}); name another --out") from exc
    return files


def _write(stems: dict[str, Float32Array], piece: Piece, files: dict[str, Path], console: Console) -> None:
    from stemd_bench.demo.picture import draw  # noqa: PLC0415 - takes a second, which must not delay the music

    try:
        for stem, samples in stems.items():
            soundfile.write(files[stem], samples.T, piece.rate, subtype="FLOAT")
        with console.status("Drawing the picture"):
            titles = {
                "mix": "mixture",
                "vocals": "vocals",
                "instrumental": "instrumental = mixture \N{MINUS SIGN} vocals",
            }
            draw({titles[stem]: stems[stem] for stem in titles}, piece.rate, files["picture"], piece.title)
    except (OSError, soundfile.SoundFileError) as exc:
        raise StemdError(f"cannot write to {files['mix'].parent}: {exc}") from exc
