"""Laws of `stemd jack` by a real JACK server and a real daemon, in a few seconds."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from tests.clients.jack.rig import ROOMY, JackServer, StemdJack, Tape, jack_server, stemd_jack
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.reference import recording

pytestmark = pytest.mark.needs("jackd")

RATE = 48_000
STEMS = ("mix", "vocals", "instrumental", "out")
PORTS = [f"{stem}_{channel}" for stem in STEMS for channel in (1, 2)]
ULP = np.float32(2**-23)


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    with jack_server(RATE, 256) as server:
        yield server


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running(ROOMY) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def stems(server: JackServer, daemon: Daemon) -> Iterator[StemdJack]:
    with stemd_jack(server, daemon, "--stems", ",".join(STEMS)) as stems:
        stems.until_it_plays(*STEMS)
        yield stems


@pytest.fixture(scope="module")
def tape(server: JackServer, stems: StemdJack) -> Iterator[Tape]:
    with Tape(server, PORTS) as tape:
        tape.feed("stemd:in_1", "stemd:in_2")
        for port in PORTS:
            tape.listen(port, f"stemd:{port}")
        tape.play(recording(RATE, RATE, seed=7).T)
        tape.wait(tape.latency("mix_1")[0] + 2 * RATE)
        yield tape


def test_the_mix_is_what_was_played_later_by_what_jack_is_told_to_the_bit(tape: Tape, stems: StemdJack) -> None:
    least, most = tape.latency("mix_1")
    assert least == most == stems.state()["latency"]
    for channel in (0, 1):
        heard = tape.heard(f"mix_{channel + 1}", tape.began + least, len(tape.song))
        assert np.array_equal(heard, tape.song[:, channel]), stems.states()[-1]


def test_vocals_and_instrumental_are_the_mix_frame_by_frame(tape: Tape) -> None:
    first, frames = tape.began, RATE + tape.latency("mix_1")[0]
    for channel in (1, 2):
        mix, vocals, instrumental = (
            tape.heard(f"{stem}_{channel}", first, frames) for stem in ("mix", "vocals", "instrumental")
        )
        assert np.any(mix)
        assert (np.abs(vocals + instrumental - mix) <= ULP * np.maximum(np.abs(vocals), np.abs(mix))).all()


def test_without_a_jack_server_it_says_what_to_do() -> None:
    command = [sys.executable, "-m", "stemd", "jack", "--server", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("stemd: no JACK server 'nobody' runs: start one")
    assert done.stderr.count("\n") == 1


def test_it_ends_cleanly_when_it_is_told_to(stems: StemdJack) -> None:
    assert stems.end(signal.SIGINT) == 0
    assert "Traceback" not in stems.said()
