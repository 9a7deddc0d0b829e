"""Looks the facts up. The base install must get through it, so whatever may be missing is imported inside."""

import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemd import __version__
from stemd.address import default_address
from stemd.commands.diagnosis.facts import BUILDS, ClientFacts, EngineFacts, Facts, ModelFacts, Package, Sound, Wanted
from stemd.errors import StemdError
from stemd.separation.engines import AUTO, ENGINES, SERVERS

if TYPE_CHECKING:
    from stemd.config import Engine

_PATIENCE: Final = 1.0  # seconds for a daemon to answer
_CLIENTS: Final = ("jack", "obs", "top", "web")  # extras, each of a client


def collect(config: str | None, address: str | None) -> Facts:
    """Everything that `stemd doctor` says something about.

    Args:
        config: the configuration's path; None: the defaults.
        address: where a daemon may answer; None: as configured, or the default.
    """
    wanted, folders, configured, servers = _configuration(config)
    where = address or configured or default_address()
    return Facts(
        stemd=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        apt=shutil.which("apt-get") is not None,
        packages=tuple(_package(name) for name in needs(requires("stemd") or (), "daemon")),
        builds=tuple(build for build in map(_package, BUILDS) if build.version),
        engines=(*_engines(), *servers),
        wanted=wanted,
        files=_fault_of("soundfile"),
        sound=_sound(),
        models=tuple(_models(folders)),
        address=where,
        daemon=_daemon(where),
        clients=tuple(_clients()),
        bench=all(find_spec(name) for name in ("matplotlib", "psutil", "soundfile")),
    )


def needs(requirements: Sequence[str], extra: str) -> list[str]:
    """The distributions that an extra brings on this system.

    Args:
        requirements: of a distribution, as its metadata has them, with the extras in markers.
        extra: one of its extras.
    """
    found = []
    for requirement in requirements:
        name, marker = re.split(r"[\s;\[<>=!~(]", requirement, maxsplit=1)[0], requirement.partition(";")[2]
        elsewhere = "sys_platform != 'win32'" in marker and sys.platform == "win32"
        if f"extra == '{extra}'" in marker and not elsewhere:
            found.append(name)
    return found


def _package(name: str) -> Package:
    try:
        return Package(name, version(name))
    except PackageNotFoundError:
        return Package(name, None)


def _engines() -> Iterator[EngineFacts]:
    for engine in ENGINES.values():
        try:
            obstacle = engine.obstacle()
            devices = () if obstacle else engine.devices()
        except Exception as exc:  # half an installation fails in many ways
            obstacle, devices = f"{engine.name} is installed but does not work ({type(exc).__name__}: {exc})", ()
        yield EngineFacts(engine.name, obstacle, devices)


def _clients() -> Iterator[ClientFacts]:
    for extra in _CLIENTS:
        absent = [name for name in needs(requires("stemd") or (), extra) if not _package(name).version]
        obstacle = f"needs {', '.join(absent)}: pip install 'stemd[{extra}]'" if absent else None
        if extra == "jack" and not absent and _fault_of("jack"):
            obstacle = "needs JACK's library: apt-get install libjack-jackd2-0, or pipewire-jack"
        yield ClientFacts(extra, obstacle)


def _configuration(path: str | None) -> tuple[Wanted, list[Path], str, tuple[EngineFacts, ...]]:
    """What is asked for, the folders of models, the address (empty: none is named), and servers that run networks."""
    try:
        from stemd.config import load_config  # noqa: PLC0415

        config = load_config(Path(path) if path else None)
    except ModuleNotFoundError:
        return Wanted(models=()), [], "", ()
    except StemdError as exc:
        return Wanted(fault=str(exc)), [], "", ()
    named = {config.engine.name, *config.engine.models.values()} - {AUTO}
    models = tuple(dict.fromkeys((config.models.default, *config.models.preload)))
    wanted = Wanted(tuple(sorted(named)), config.engine.providers, models)
    servers = (_servers(config.engine),) if SERVERS in named else ()
    return wanted, config.model_folders, config.server.address, servers


def _servers(table: "Engine") -> EngineFacts:
    """Which servers are ready; nobody asks for their models here."""
    from stemd.separation.pools import access_of  # noqa: PLC0415
    from stemd.separation.remote.link import Link  # noqa: PLC0415

    async def is_ready(address: str) -> str:
        try:
            link = await Link.connected(address, access_of(table.triton))
        except StemdError as exc:
            return str(exc)
        await link.close()
        return ""

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(is_ready, table.triton.endpoints))

    try:
        faults = asyncio.run(all_of_them())
    except StemdError as exc:
        return EngineFacts(SERVERS, str(exc))
    ready = tuple(address for address, fault in zip(table.triton.endpoints, faults, strict=True) if not fault)
    return EngineFacts(SERVERS, None if ready else "; ".join(dict.fromkeys(faults)), ready)


def _models(folders: Sequence[Path]) -> Iterator[ModelFacts]:
    try:
        from stemd.separation.store import SHIPPED, find, name_of, on_disk  # noqa: PLC0415
    except ModuleNotFoundError:
        return
    for folder in on_disk(folders):
        name, shipped = name_of(folder) or folder.name, folder.parent == SHIPPED
        try:
            manifest = find(name, folders).manifest
        except StemdError as exc:
            yield ModelFacts(name, fault=str(exc), shipped=shipped)
            continue
        absent = [entry.file for entry in manifest.specialists if not (folder / entry.file).is_file()]
        fault = f"{folder}: {', '.join(absent)} missing" if absent else None
        yield ModelFacts(name, manifest.stems, fault, shipped)


def _fault_of(module: str) -> str | None:
    """Why a module that is installed cannot be imported; its shared library is missing, mostly."""
    try:
        __import__(module)
    except ModuleNotFoundError:
        return f"{module} is not installed"
    except Exception as exc:
        return str(exc)
    return None


def _sound() -> Sound:
    names: dict[str, str | None] = {}
    with _quiet():
        if fault := _fault_of("sounddevice"):
            return Sound(fault=fault)
        import sounddevice  # noqa: PLC0415

        for kind in ("input", "output"):
            try:
                names[kind] = str(sounddevice.query_devices(kind=kind)["name"])
            except Exception:  # there is none, in one of PortAudio's many words
                names[kind] = None
    return Sound(**names)


@contextmanager
def _quiet() -> Iterator[None]:
    """ALSA and JACK speak about every device that they do not find, past Python, to the terminal."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _daemon(address: str) -> str | None:
    from stemd_client import Client  # noqa: PLC0415 - takes its time
    from stemd_client.running import run  # noqa: PLC0415

    async def ask() -> str:
        async with Client(address, "stemd doctor", connect_timeout=_PATIENCE) as client:
            return client.welcome.daemon.removeprefix("stemd ")  # to be told more it would need a right

    try:
        return run(ask())
    except (StemdError, OSError):
        return None
