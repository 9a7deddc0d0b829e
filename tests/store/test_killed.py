"""The law of the store: killed at any point, each model in it is the old one or the new one, whole."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stemd.store.published import write_manifest
from tests.store.graphs import model_folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """A place for the store, and two versions of a model, `old` and `new`."""
    for version in ("old", "new"):
        manifest = model_folder(tmp_path / version, gains=(0.5 if version == "old" else 0.25,))
        write_manifest(tmp_path / version, msgspec.structs.replace(manifest, version=version))
    return [tmp_path, tmp_path / "old", tmp_path / "new"]


def steps(what: str, folders: list[Path]) -> list[list[str]]:
    """For each step before which the action was killed: what was found, what after mending, and what lay there."""
    command = [sys.executable, "-m", "tests.store.killed", what, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split()[1:] for line in done.stdout.splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_before_any_step_of_a_replacement_the_store_is_whole(folders: list[Path]) -> None:
    lines = steps("replace", folders)
    assert len(lines) > 30
    for step, (found, mended, *lying) in enumerate(lines):
        assert found in ("old", "new"), f"killed before step {step}, {found} is found"
        assert mended == found, f"killed before step {step}, {found} became {mended}"
        assert lying == ["tiny"], f"killed before step {step}, {lying} lie about"
    versions = [found for found, *_ in lines]
    assert versions == sorted(versions, reverse=True)  # old, until it is new
    assert {"old", "new"} == set(versions)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_before_any_step_of_a_removal_the_model_is_whole_or_gone(folders: list[Path]) -> None:
    lines = steps("remove", folders)
    assert len(lines) > 5
    for step, (found, mended, *lying) in enumerate(lines):
        assert mended == found, f"killed before step {step}, {found} became {mended}"
        assert lying == (["tiny"] if found == "old" else []), f"killed before step {step}, {lying} lie about"
    assert {found for found, *_ in lines} == {"old", "None"}
