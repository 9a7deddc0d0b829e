"""Imports point down: audio, errors, protocol < dsp < separation < store < service < commands < cli."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

DAEMON = Path(__file__).parent.parent / "daemon" / "stemd"
FLOORS = {
    "__init__": 0,
    "errors": 0,
    "audio": 0,
    "schema": 1,
    "address": 1,
    "keys": 2,
    "processor": 1,
    "protocol": 2,
    "dsp": 3,
    "toml": 3,
    "config": 4,
    "devices": 4,
    "separation": 5,
    "store": 6,
    "service": 7,
    "commands": 8,
    "cli": 9,
    "__main__": 10,
}
ABOVE = {"stemd_client": {"commands"}, "stemd_bench": {"cli"}, "stemd_export": {"cli", "commands"}}


def floor_of(path: Path) -> str:
    return path.relative_to(DAEMON).with_suffix("").parts[0]


def imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", sorted(DAEMON.rglob("*.py")), ids=lambda p: str(p.relative_to(DAEMON)))
def test_imports_point_down(path: Path) -> None:
    here = floor_of(path)
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "stemd":
            there = rest.split(".")[0] if rest.split(".")[0] in FLOORS else "__init__"
            assert FLOORS[there] <= FLOORS[here], f"{here} imports {name}"
        elif package in ABOVE:
            assert here in ABOVE[package], f"{here} imports {name}"


CLIENTS = Path(__file__).parent.parent / "clients" / "stemd_client"
# What is pure, and in the base install with numpy, pyzmq and msgpack: not all of `dsp`, which resamples, too.
BELOW_CLIENTS = {"__init__", "audio", "errors", "address", "keys", "protocol", "dsp.rings", "dsp.levels", "dsp.mixer"}


@pytest.mark.parametrize("path", sorted(CLIENTS.rglob("*.py")), ids=lambda p: str(p.relative_to(CLIENTS)))
def test_clients_stand_on_the_lowest_floors_alone(path: Path) -> None:
    for name in imports(path):
        package, _, rest = name.partition(".")
        assert package not in {"stemd_bench", "stemd_export"}
        if package == "stemd":
            floor, module = [*rest.split("."), ""][:2]
            there = f"dsp.{module}" if floor == "dsp" else floor if floor in FLOORS else "__init__"
            assert there in BELOW_CLIENTS, f"imports {name}"


def test_dsp_knows_neither_clock_nor_io() -> None:
    forbidden = {"time", "asyncio", "socket", "zmq", "threading", "os", "pathlib", "soundfile"}
    for path in (DAEMON / "dsp").glob("*.py"):
        assert forbidden.isdisjoint(name.partition(".")[0] for name in imports(path)), path


@pytest.mark.parametrize("module", ["stemd_client", "stemd.protocol", "stemd.cli"])
def test_what_a_client_imports_is_in_the_base_install(module: str) -> None:
    code = (
        f"import sys, {module}; top = {{n.partition('.')[0] for n in sys.modules}};"
        "extra = top & {'msgspec', 'onnxruntime', 'scipy', 'samplerate', 'soundfile', 'rich', 'sounddevice', 'torch',"
        "'aiohttp', 'textual', 'jack', 'obsws_python', 'segno'};"
        "sys.exit(f'imports {extra}' if extra else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
