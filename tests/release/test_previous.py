"""The previous release's clients and configurations go on working, and its daemons serve clients of this one."""

import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemd.errors import ProtocolError
from stemd_client import sync
from tests.end_to_end.process import Daemon, folder, running
from tests.release.previous.programs import PRESENT, PREVIOUS, as_told, run, talked
from tests.release.tree import ROOT, clean

# Prints a configuration as whichever stemd is on the path understands it.
UNDERSTOOD = "import json, msgspec, pathlib, sys; from stemd.config import load_config; print(json.dumps(\
msgspec.to_builtins(load_config(pathlib.Path(sys.argv[1]) if sys.argv[1:] else None))))"


@pytest.fixture(scope="module")
def new() -> dict[str, str]:
    """The environment of processes that use this release."""
    return clean()


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """A daemon of the previous release, with the network that is shipped with this one; its address."""
    with folder() as place:
        config = place / "stemd.toml"
        config.write_text(f'[models]\nfolders = ["{ROOT / "daemon" / "stemd" / "models"}"]\n[engine]\nthreads = 1\n')
        command = [sys.executable, "-m", "stemd", "serve", "--address", f"ipc://{place}/s", "--config", str(config)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as daemon:
            try:
                assert " ready on " in daemon.stdout.readline()
                yield f"ipc://{place}/s"
            finally:
                daemon.terminate()
                daemon.communicate(timeout=20)
        assert daemon.returncode == 0


def leaves(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    """The values of a configuration, by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= leaves(value, f"{above}{key}.") if isinstance(value, dict) and value else {f"{above}{key}": value}
    return found


# What was frozen.


def test_what_was_frozen_is_as_it_was() -> None:
    sums = dict(reversed(line.split("  ")) for line in (PREVIOUS / "SHA256SUMS").read_text("utf-8").splitlines())
    assert set(sums) == {"stemd.zip", "defaults.toml", "every-key.toml"}
    assert {name: hashlib.sha256((PREVIOUS / name).read_bytes()).hexdigest() for name in sums} == sums


def test_in_the_frozen_configuration_no_key_has_its_default(old: dict[str, str]) -> None:
    defaults = leaves(json.loads(run(old, "-c", UNDERSTOOD)))
    given = leaves(tomllib.loads((PREVIOUS / "every-key.toml").read_text("utf-8")))
    opened = {key for key in defaults if any(other.startswith(f"{key}.") for other in given)}
    assert set(defaults) - opened <= set(given)
    assert not [key for key in given if given[key] == defaults.get(key)]


# Configurations.


@pytest.mark.parametrize("file", ["defaults.toml", "every-key.toml"])
def test_its_configurations_mean_what_they_meant(old: dict[str, str], new: dict[str, str], file: str) -> None:
    then, now = (leaves(json.loads(run(which, "-c", UNDERSTOOD, PREVIOUS / file))) for which in (old, new))
    assert {key: now.get(key, "no such key") for key in then} == then


def test_without_a_configuration_its_keys_have_the_defaults_that_they_had(
    old: dict[str, str], new: dict[str, str]
) -> None:
    then, now = (leaves(json.loads(run(which, "-c", UNDERSTOOD))) for which in (old, new))
    assert {key: now.get(key, "no such key") for key in then} == then


# Clients of then and a daemon of now, and the other way round.


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as daemon:
        yield daemon


def test_its_client_is_served_to_the_last_bit(old: dict[str, str], daemon: Daemon, tmp_path: Path) -> None:
    told, heard = talked(old, daemon.address, tmp_path)
    assert told["version"] == "0.1.0"
    assert told["code"].startswith(old["PYTHONPATH"])
    assert told["daemon"] == f"stemd {PRESENT}"
    as_told(told, heard)


def test_the_same_program_hears_the_same_with_the_client_of_now(
    old: dict[str, str], new: dict[str, str], daemon: Daemon, tmp_path: Path
) -> None:
    (then, of_then), (now, of_now) = (talked(which, daemon.address, tmp_path) for which in (old, new))
    assert (then.pop("version"), now.pop("version")) == ("0.1.0", PRESENT)
    assert then.pop("code") != now.pop("code")
    assert then == now
    assert set(of_then) == set(of_now)
    assert all(np.array_equal(of_then[stem], of_now[stem]) for stem in of_then)


@pytest.mark.slow
def test_a_client_of_now_is_served_by_its_daemon(old: dict[str, str], new: dict[str, str], tmp_path: Path) -> None:
    with serving(old) as address:
        told, heard = talked(new, address, tmp_path)
        assert (told["version"], told["daemon"]) == (PRESENT, "stemd 0.1.0")
        as_told(told, heard)
        refused = subprocess.run(
            [sys.executable, "-m", "stemd", "reload", "--address", address],
            env=new,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert refused.stderr == "stemd: stemd 0.1.0 cannot reload; restart it\n"
        with sync.Client(address) as client, pytest.raises(ProtocolError, match=r"^stemd 0\.1\.0 cannot tell the way"):
            next(iter(client.subscribe("desk", "vocals", way=True)))
