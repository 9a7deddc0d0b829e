"""A narrow HT-Demucs-ft with seeded weights, in the layout that demucs reads."""

from pathlib import Path

import pytest

from stemd_export.htdemucs.bag import Expert, load
from stemd_export.htdemucs.seeded import NARROW, write_bag
from stemd_export.htdemucs.weights import Network, read


@pytest.fixture(scope="session")
def narrow_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bag"), architecture=NARROW)


@pytest.fixture(scope="session")
def vocals(narrow_bag: Path) -> Expert:
    return load("htdemucs_ft", narrow_bag)[1][3]


@pytest.fixture(scope="session")
def vocals_network(vocals: Expert) -> Network:
    return read(vocals.model, vocals.frames)
