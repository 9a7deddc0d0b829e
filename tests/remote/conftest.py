"""A model of each kind, small enough to be run often."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stemd.separation.remote.pool import TritonPool
from stemd.separation.store import Model, find
from stemd_export.cli import run
from stemd_export.htdemucs.seeded import NARROW, write_bag
from tests.remote.graphs import pair


@pytest.fixture(scope="session")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of a narrow HT-Demucs with seeded weights."""
    return write_bag(tmp_path_factory.mktemp("bag"), architecture=NARROW)


def exported(bag: Path, place: Path, *flavour: str) -> Model:
    """The network of the vocals, as a model in a folder."""
    assert run(["htdemucs_ft", "--repo", str(bag), "--out", str(place), "--stem", "vocals", *flavour]) == 0
    (folder,) = place.glob("htdemucs*")
    return find(folder.name, [place])


@pytest.fixture(scope="session")
def kinds(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """A model of each kind: the shipped one, a narrow HT-Demucs, two gains."""
    place = tmp_path_factory.mktemp("models")
    return {"mask": find("spleeter-vocals"), "hybrid": exported(bag, place), "waveform": pair(place / "pair")}


@pytest.fixture(scope="session")
def portable(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The same HT-Demucs as one graph from samples to samples."""
    return exported(bag, tmp_path_factory.mktemp("portable"), "--portable")


@pytest.fixture
def pools() -> Iterator[list[TritonPool]]:
    """Those that a test makes."""
    made: list[TritonPool] = []
    yield made
    for pool in made:
        pool.close()
