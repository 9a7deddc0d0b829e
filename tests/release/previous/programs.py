"""Runs a program of the previous release, or of this one, in a process of its own, and says what it must have heard."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from stemd.audio import quantise
from stemd.dsp.mixing import residual
from tests.end_to_end.reference import offline, recording
from tests.release.previous import session
from tests.release.previous.freeze import HERE
from tests.release.tree import ROOT

PREVIOUS = HERE / "0.1.0"
PRESENT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
SONG = recording(100_000, session.RATE, seed=6)


def run(environment: dict[str, str], *arguments: str | Path) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def talked(environment: dict[str, str], address: str, place: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A session of a process with a daemon: what it was told, and the samples of each stem (channels, frames)."""
    np.save(place / "song.npy", SONG)
    told = run(environment, session.__file__, address, "desk", place / "song.npy", place / "heard.npz")
    return json.loads(told), dict(np.load(place / "heard.npz"))


def as_told(told: dict[str, Any], heard: dict[str, np.ndarray]) -> None:
    """What any client must have heard and been told in the session."""
    assert (told["model"], told["streams"], told["left"], told["clock"]) == ("spleeter-vocals", ["desk"], [], True)
    assert all(flags == ["start"] for flags in told["flags"].values())
    vocals = offline(SONG, session.RATE)
    assert np.array_equal(heard["vocals"], vocals)
    assert np.array_equal(heard["mix"], SONG)
    assert np.array_equal(heard["instrumental"], quantise(SONG).astype(np.int32) - quantise(vocals))
    assert np.abs(residual(SONG, [heard["out"]])).max() > 0.01
