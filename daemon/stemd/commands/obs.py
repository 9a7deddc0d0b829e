"""`stemd obs`: the script into OBS' folder, and delays and sources into a running OBS."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stemd.errors import StreamError
from stemd_client import Client
from stemd_client.obs import folders, install
from stemd_client.running import run

if TYPE_CHECKING:
    from stemd_client.obs.websocket import Access


def install_script(options: argparse.Namespace) -> int:
    """Make the script's folder, and say what to click.

    Raises:
        StemdError: it cannot be written, or a package cannot be fetched.
    """
    found = options.python or folders.python_of_obs(flatpak=options.flatpak)
    python = found or f"{sys.version_info.major}.{sys.version_info.minor}"
    if not found:
        print(f"no OBS that names its Python was found here; taking {python} (--python VERSION for another)")
    made = install.install(_folder(options), python)
    print(f"made {made.script.parent}: the script, and its packages for Python {python} ({made.size / 1e6:.0f} MB)")
    print(f"now in OBS: Tools > Scripts > + and choose {made.script}")
    if options.flatpak:
        print("the OBS from Flathub cannot see Unix sockets: run `stemd serve --address tcp://127.0.0.1:7355`,")
        print("and write tcp://127.0.0.1:7355 into the script's Address")
    return 0


def remove_script(options: argparse.Namespace) -> int:
    """Delete the script's folder.

    Raises:
        ConfigError: it is not one that `install-script` made.
    """
    folder = _folder(options)
    removed = install.remove(folder)
    print(f"removed {folder}; take it out of Tools > Scripts as well" if removed else f"nothing is in {folder}")
    return 0


def setup(options: argparse.Namespace) -> int:
    """Make source and delays in a running OBS.

    Raises:
        StemdError: there is no OBS, daemon, stream or scene such as asked for.
    """
    from stemd_client.obs.setup import Wish, set_up  # noqa: PLC0415 - needs the extra `obs`
    from stemd_client.obs.websocket import connected  # noqa: PLC0415 - needs the extra `obs`

    name, latency_ms = run(_stream(options.stream, options.address, options.latency))
    scenes, sound, web = options.scene or [], options.sound, options.web
    wish = Wish(name, options.stem, latency_ms, options.trim, scenes, sound, web, dry=options.dry_run)
    with connected(_access(options)) as obs:
        set_up(obs, wish, print)
    return 0


def undo(options: argparse.Namespace) -> int:
    """Take away what `setup` made.

    Raises:
        StemdError: there is no OBS.
    """
    from stemd_client.obs import setup as work  # noqa: PLC0415 - needs the extra `obs`
    from stemd_client.obs.websocket import connected  # noqa: PLC0415 - needs the extra `obs`

    with connected(_access(options)) as obs:
        if not work.undo(obs, print, dry=options.dry_run):
            print("nothing of stemd's is in this OBS")
    return 0


def _folder(options: argparse.Namespace) -> Path:
    return Path(options.folder) if options.folder else folders.script_folder(flatpak=options.flatpak)


def _access(options: argparse.Namespace) -> "Access":
    from stemd_client.obs.websocket import configured, merged  # noqa: PLC0415 - needs the extra `obs`

    known = configured(folders.config_folder(flatpak=options.flatpak))
    return merged(known, options.host, options.port, options.password)


async def _stream(name: str | None, address: str | None, latency_ms: float | None) -> tuple[str, float]:
    """The stream's name, and its latency in ms; the daemon is not asked where both are given."""
    if name and latency_ms is not None:
        return name, latency_ms
    async with Client(address, "stemd obs") as client:
        state = await client.status()
    streams = {str(each["stream"]): each for each in state.get("streams", ()) if each.get("timing") == "realtime"}
    if name is None and len(streams) == 1:
        [name] = streams
    if name is None or name not in streams:
        known = f"open are {', '.join(streams)}" if streams else "none is open"
        what = f"no stream {name!r} in real time" if name else "no single stream in real time"
        raise StreamError(f"{what}: {known}; open one, or give --stream and --latency")
    stream = streams[name]
    return name, 1000 * stream["latency"] / stream["rate"] if latency_ms is None else latency_ms
