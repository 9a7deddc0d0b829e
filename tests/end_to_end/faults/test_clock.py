"""The clock of the machine is set while streams run: nobody notices."""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faults.playing import ROOMY, Playing
from tests.end_to_end.process import Daemon, folder, running

pytestmark = [pytest.mark.needs("cc"), pytest.mark.slow]

SOURCE = Path(__file__).with_name("stepped_clock.c")
ASK = "import time; print(int(time.time()))"


def step(place: Path, seconds: int) -> None:
    """Set the clock of who has the library in `place`."""
    with (place / "clock").open("r+b") as file:
        file.write(struct.pack("=q", seconds))


def environment(place: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(place / "stepped_clock.so"), "STEPPED_CLOCK": str(place / "clock")}


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with folder() as place:
        library = place / "stepped_clock.so"
        subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        (place / "clock").write_bytes(bytes(8))
        with running({"realtime": ROOMY}, home=place, environment=environment(place)) as daemon:
            yield daemon


def test_it_jumps_an_hour_ahead_and_a_year_back(daemon: Daemon, others: Playing) -> None:
    assert "stepped_clock.so" in Path(f"/proc/{daemon.process.pid}/maps").read_text("utf-8")
    times = []
    for seconds in (3_600, -31_536_000, 0):
        step(daemon.folder, seconds)
        asked = [sys.executable, "-c", ASK]
        times.append(int(subprocess.check_output(asked, env=environment(daemon.folder))))
        others.go_on()
    assert abs(times[0] - times[1] - 31_539_600) < 60, "the clock was set"
    assert abs(times[2] - times[1] - 31_536_000) < 60, "and set again"
