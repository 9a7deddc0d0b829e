"""What `pip install stemd` brings is enough for a client, and for `stemd version` and `stemd --help`."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BASE = {"numpy", "pyzmq", "msgpack", "stemd", "pip", "setuptools"}

# Third-party modules that an import brought in, by the distributions that they belong to.
PROBE = """
import sys
from importlib.metadata import packages_distributions
import {module}
owners = packages_distributions()
print(*sorted({{owner for name in sys.modules for owner in owners.get(name.partition('.')[0], ())}}))
"""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("base")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    run(command, check=True)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", str(wheel)]
    run([str(programs / "python"), "-m", "pip", *install], check=True)
    return programs


def run(command: list[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
    # Nothing of this checkout may be found by way of the environment.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def loaded(python: str, module: str) -> set[str]:
    return set(run([python, "-c", PROBE.format(module=module)], check=True).stdout.split())


def test_the_base_install_is_numpy_pyzmq_and_msgpack(clean: Path) -> None:
    listed = run([str(clean / "python"), "-m", "pip", "list", "--format=freeze"], check=True).stdout
    names = {line.partition("==")[0].partition(" @")[0].lower() for line in listed.split("\n") if line}
    assert {"numpy", "pyzmq", "msgpack", "stemd"} <= names <= BASE


def test_the_doctor_works_there_and_names_the_extra(clean: Path) -> None:
    done = run([str(clean / "stemd"), "doctor", "--address", "ipc:///nowhere"])
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"the daemon lacks .*\bmsgspec\b.*\bscipy\b.*: pip install", done.stdout)
    assert done.stdout.splitlines()[-1].split(maxsplit=1) == ["next", "pip install 'stemd[daemon]'"]


@pytest.mark.parametrize("module", ["stemd_client", "stemd_client.sync", "stemd_client.commands"])
def test_the_client_imports_with_the_base_install(clean: Path, module: str) -> None:
    assert loaded(str(clean / "python"), module) <= BASE


@pytest.mark.parametrize("module", ["stemd_client", "stemd_client.sync", "stemd_client.commands", "stemd.cli"])
def test_the_client_loads_nothing_else_where_everything_is_installed(module: str) -> None:
    assert loaded(sys.executable, module) <= BASE


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["--help"], ["listen", "--help"]])
def test_the_command_runs_with_the_base_install(clean: Path, arguments: list[str]) -> None:
    done = run([str(clean / "stemd"), *arguments], check=True)
    assert "stemd" in done.stdout
    assert not done.stderr


@pytest.mark.parametrize("arguments", [["serve"], ["separate", "a.wav", "-o", "out"], ["stream", "a.wav"]])
def test_what_needs_the_daemon_says_so_in_one_line(clean: Path, arguments: list[str]) -> None:
    done = run([str(clean / "stemd"), *arguments])
    assert done.returncode != 0
    assert not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("stemd: ")
    assert "pip install 'stemd[daemon]'" in line


def test_status_without_a_daemon_is_one_line(clean: Path, tmp_path: Path) -> None:
    done = run([str(clean / "stemd"), "status", "--address", f"ipc://{tmp_path}"])
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"stemd: no daemon answers at ipc://{tmp_path}/requests.sock; start one with `stemd serve`"
    ]
