"""What users do with it: the lock, the wheel, `pip check`, and music."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.reference import recording
from tests.release.tree import ROOT, clean

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def run(*command: str | Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd="/", env=clean(), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pip_finds_that_everything_fits_together(programs: Path) -> None:
    assert run(programs / "pip", "check", "--disable-pip-version-check") == "No broken requirements found.\n"


def test_the_command_is_there_and_knows_its_version(programs: Path) -> None:
    assert run(programs / "stemd", "--version") == f"stemd {VERSION}\n"


def test_nothing_of_the_checkout_is_loaded(programs: Path) -> None:
    names = "stemd", "stemd_client", "stemd.separation.store"
    told = run(
        programs / "python", "-c", f"import {', '.join(names)}, sys; print(*(sys.modules[n].__file__ for n in {names}))"
    )
    assert all(Path(place).is_relative_to(programs.parent) for place in told.split())


def test_its_defaults_are_those_of_the_checkout(programs: Path) -> None:
    ask = ("check-config", "--defaults")
    assert run(programs / "stemd", *ask) == run(sys.executable, "-m", "stemd", *ask)


def test_it_separates_as_the_checkout_does_to_the_last_bit(programs: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, recording(150_000, 44_100).T, 44_100, subtype="FLOAT")
    options = ("separate", song, "--threads", "1", "-o")
    run(programs / "stemd", *options, tmp_path / "installed")
    run(sys.executable, "-m", "stemd", *options, tmp_path / "checkout")
    stems = sorted(path.name for path in (tmp_path / "installed" / "song").iterdir())
    assert stems == ["instrumental.wav", "vocals.wav"]
    for stem in stems:
        installed, checkout = (
            soundfile.read(tmp_path / which / "song" / stem)[0] for which in ("installed", "checkout")
        )
        assert np.abs(installed).max() > 0.01
        assert np.array_equal(installed, checkout)


def test_its_models_are_whole(programs: Path) -> None:
    [model] = json.loads(run(programs / "stemd", "models", "list", "--json"))
    assert model["model"] == "spleeter-vocals"
    run(programs / "stemd", "models", "verify", "spleeter-vocals")
