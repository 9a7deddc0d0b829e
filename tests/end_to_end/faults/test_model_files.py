"""The files of a model are damaged and removed while its networks run."""

import shutil
from collections.abc import Iterator

import pytest

from stemd.errors import ModelLoadError
from stemd_client import sync
from tests.end_to_end.faults.playing import ROOMY, Playing
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.reference import model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with folder() as place:
        shutil.copytree(model().folder, place / "models" / model().manifest.name)
        config = {"realtime": ROOMY, "models": {"folders": [str(place / "models")]}}
        with running(config, home=place) as daemon:
            yield daemon


def test_what_runs_goes_on_and_what_would_load_them_anew_names_the_file(daemon: Daemon, others: Playing) -> None:
    name = model().manifest.name
    place = daemon.folder / "models" / name
    files = [place / entry.file for entry in model().manifest.specialists]

    for file in files:  # in place: whoever has it open sees it
        with file.open("r+b") as stream:
            stream.write(b"\0" * 4_096)
    others.go_on()
    for file in files:
        file.write_bytes(b"")
    others.go_on()
    with sync.Client(daemon.address) as client:
        shutil.rmtree(place)
        daemon.rewrite(models={"default": "elsewhere"})
        with pytest.raises(ModelLoadError, match="elsewhere"):
            client.reload()
        with client.open("late", rate=44_100, timing="free") as stream:  # of the networks that are loaded
            assert stream.opened.model == name
    others.go_on()
