"""Where OBS Studio keeps its things, and which Python it runs scripts with."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FLATPAK: Final = "com.obsproject.Studio"
_BINDINGS: Final = "obs-scripting/_obspython.so"


def config_folder(*, flatpak: bool = False) -> Path:
    """The folder of OBS' own configuration, whether it is there or not."""
    home = Path.home()
    if flatpak:
        return home / ".var/app" / _FLATPAK / "config/obs-studio"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData/Roaming") / "obs-studio"
    if sys.platform == "darwin":
        return home / "Library/Application Support/obs-studio"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "obs-studio"


def script_folder(*, flatpak: bool = False) -> Path:
    """Where `stemd obs install-script` puts the script."""
    return config_folder(flatpak=flatpak) / "scripts" / "stemd"


def python_of_obs(*, flatpak: bool = False) -> str | None:
    """The version of Python, as 3.11, that the installed OBS is built with; None where none says.

    On Windows and macOS it is chosen in OBS' own dialog, and nothing here knows it.
    """
    for folder in _installations(flatpak=flatpak):
        for bindings in (folder / _BINDINGS, *folder.glob(f"*/{_BINDINGS}")):
            # The one library that the bindings name is the one that they are loaded with.
            if bindings.is_file() and (found := re.search(rb"libpython(3\.\d+)", bindings.read_bytes())):
                return found[1].decode()
    return None


def _installations(*, flatpak: bool) -> Iterator[Path]:
    if flatpak:
        for base in (Path.home() / ".local/share/flatpak", Path("/var/lib/flatpak")):
            yield base / "app" / _FLATPAK / "current/active/files/lib"
    else:
        yield from (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))
