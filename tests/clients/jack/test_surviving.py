"""What `stemd jack` outlives, and how it ends: daemons that die, clients that are late, JACK in other moods."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from tests.clients.jack.rig import ROOMY, JackServer, Samples, StemdJack, Tape, jack_server, stemd_jack
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.reference import recording
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("jackd")]

RATE, PERIOD = 48_000, 256
STEMS = ("mix", "vocals", "instrumental")
PORTS = [f"{stem}_1" for stem in STEMS]


@pytest.fixture
def server() -> Iterator[JackServer]:
    with jack_server(RATE, PERIOD) as server:
        yield server


def song(seconds: float, seed: int) -> Samples:
    return recording(round(seconds * RATE), RATE, seed=seed).T


def wired(tape: Tape) -> None:
    tape.feed("stemd:in_1", "stemd:in_2")
    for port in PORTS:
        tape.listen(port, f"stemd:{port}")


def comes_back_aligned(tape: Tape, stems: StemdJack, seed: int, seconds: float = 1.0) -> None:
    """A song that is played now comes later by what JACK says, to the bit."""
    played = song(seconds, seed)
    tape.play(played)
    latency, _ = tape.latency("mix_1")
    assert latency == stems.state()["latency"]
    heard = {port: tape.heard(port, tape.began + latency, len(played)) for port in PORTS}
    assert np.array_equal(heard["mix_1"], played[:, 0]), stems.states()[-1]
    off = np.abs(heard["vocals_1"].astype(np.float64) + heard["instrumental_1"] - heard["mix_1"]).max()
    assert off <= 2**-23


def test_ports_and_connections_outlive_a_killed_daemon_and_the_next_one_is_heard_aligned(server: JackServer) -> None:
    with folder() as place:
        daemon = Daemon(place, ROOMY)
        try:
            daemon.wait_until_ready()
            with stemd_jack(server, daemon) as stems, Tape(server, PORTS, 120) as tape:
                stems.until_it_plays()
                wired(tape)
                stems.until_it_plays(*STEMS)
                comes_back_aligned(tape, stems, seed=1)
                before = connections(tape)
                daemon.signal(signal.SIGKILL)
                daemon.wait()
                stems.until(lambda: stems.state()["state"] == "waits", "it waits for a daemon")
                assert connections(tape) == before
                missing = stems.state()["missing"]
                tape.wait(tape.frames + RATE)
                assert not tape.heard("mix_1", tape.frames - RATE // 2, RATE // 4).any(), "silence meanwhile"
                assert stems.state()["missing"] > missing, "which is counted"
                daemon = Daemon(place, ROOMY)
                daemon.wait_until_ready()
                stems.until_it_plays(*STEMS)
                assert connections(tape) == before
                stems.until_it_says("latency ", times=2)
                comes_back_aligned(tape, stems, seed=2)
                assert stems.said().count("no longer answers") == 1
                assert stems.end() == 0
            daemon.stop()
        finally:
            daemon.kill()


def connections(tape: Tape) -> dict[str, list[str]]:
    ports = tape.recorder.get_ports("stemd:")
    return {port.name: sorted(other.name for other in tape.recorder.get_all_connections(port)) for port in ports}


def test_it_waits_for_a_daemon_and_says_once_how_to_start_one(server: JackServer) -> None:
    with folder() as place, stemd_jack(server, f"ipc://{place}/s", "--connect", "in=player") as stems:
        stems.until_it_says("start one with `stemd serve`")
        with Tape(server, []) as tape:
            wait_until(lambda: connections(tape).get("stemd:in_2") == ["player:out_2"], "the inputs are connected")
            daemon = Daemon(place, ROOMY)
            try:
                daemon.wait_until_ready()
                stems.until_it_plays()
                assert stems.said().count("start one with") == 1
                assert stems.end() == 0
                daemon.stop()
            finally:
                daemon.kill()


def test_xruns_are_counted_and_move_nothing(server: JackServer) -> None:
    late: list[float] = []
    with running(ROOMY) as daemon, stemd_jack(server, daemon) as stems, Tape(server, PORTS) as tape:
        stems.until_it_plays()
        wired(tape)
        stems.until_it_plays(*STEMS)
        comes_back_aligned(tape, stems, seed=3)
        before = stems.state()["xruns"]
        sleeper = server.client("sleeper")
        sleeper.set_process_callback(lambda _: time.sleep(late.pop() if late else 0))
        sleeper.activate()
        late += [0.7, 0.3]  # much longer than the daemon waits for a source
        stems.until(lambda: not late and stems.state()["xruns"] > before, "xruns are counted")
        sleeper.close()
        tape.wait(tape.frames + 2 * RATE)
        comes_back_aligned(tape, stems, seed=4)
        assert stems.state()["xruns"] > before


def test_a_stem_costs_nothing_until_it_is_connected_and_joins_in_place(server: JackServer) -> None:
    with running(ROOMY) as daemon, stemd_jack(server, daemon) as stems, Tape(server, PORTS) as tape:
        stems.until_it_plays()
        tape.feed("stemd:in_1", "stemd:in_2")
        tape.listen("mix_1", "stemd:mix_1")
        stems.until_it_plays("mix")
        assert set(stems.state()["stems"]) == {"mix"}
        long = song(20, 5)
        tape.play(long)
        tape.wait(tape.began + tape.latency("mix_1")[0] + RATE)
        for stem in ("vocals", "instrumental"):
            tape.listen(f"{stem}_1", f"stemd:{stem}_1")
        stems.until_it_plays(*STEMS)
        latency = tape.latency("mix_1")[0]
        joined = tape.frames + latency + RATE  # by then both have joined, whatever the network was doing
        heard = {port: tape.heard(port, joined, 2 * RATE).astype(np.float64) for port in PORTS}
        at = joined - tape.began - latency
        assert np.array_equal(heard["mix_1"], long[at : at + 2 * RATE, 0])
        assert np.abs(heard["vocals_1"] + heard["instrumental_1"] - heard["mix_1"]).max() <= 2**-23
        tape.recorder.disconnect("stemd:vocals_1", "recorder:vocals_1")
        stems.until(lambda: "vocals" not in stems.state()["stems"], "it leaves the vocals")


def test_it_ends_when_nobody_reads_its_states_any_more(server: JackServer) -> None:
    with folder() as place:
        command = [sys.executable, "-m", "stemd", "jack", "--address", f"ipc://{place}/s", "--json"]
        with subprocess.Popen(command, env=server.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                assert process.stdout
                assert process.stdout.readline()
                process.stdout.close()
                assert process.wait(PATIENCE) == 141
            finally:
                process.kill()


def test_ports_are_connected_as_asked_also_those_that_come_later(server: JackServer) -> None:
    wishes = ("--connect", "in=player", "--connect", "mix=recorder:mix_1,recorder:vocals_1", "--connect", "vocals=x")
    with running(ROOMY) as daemon, stemd_jack(server, daemon, *wishes) as stems:
        stems.until_it_says("no port is called 'x' to connect 'vocals'")
        expected = {
            "stemd:in_1": ["player:out_1"],
            "stemd:in_2": ["player:out_2"],
            "stemd:mix_1": ["recorder:mix_1"],
            "stemd:mix_2": ["recorder:vocals_1"],
        }
        for _ in range(2):  # and again, when they went away and came back
            with Tape(server, PORTS) as tape:
                there = partial(connections, tape)
                wait_until(lambda there=there: expected.items() <= there().items(), "all is connected")
                tape.recorder.disconnect("stemd:mix_2", "recorder:vocals_1")
                stems.state()
                stems.state()
                assert there()["stemd:mix_2"] == [], "who disconnects by hand is left alone"


def test_a_stem_that_the_model_lacks_is_refused_by_name(server: JackServer) -> None:
    with running(ROOMY) as daemon, stemd_jack(server, daemon, "--stems", "vocal") as stems:
        assert stems.process.wait(30) == 1
        assert "has no stem 'vocal' (did you mean 'vocals'?)" in stems.said()


def test_a_freewheeling_jack_gets_true_stems_at_the_same_latency(server: JackServer) -> None:
    with running(ROOMY) as daemon, stemd_jack(server, daemon) as stems, Tape(server, PORTS, 120) as tape:
        stems.until_it_plays()
        wired(tape)
        stems.until_it_plays(*STEMS)
        played = song(20, 6)
        tape.recorder.set_freewheel(True)
        tape.play(played)
        latency, _ = tape.latency("mix_1")
        tape.wait(tape.began + latency + len(played))
        tape.recorder.set_freewheel(False)
        heard = {port: tape.heard(port, tape.began + latency, len(played)) for port in PORTS}
        assert np.array_equal(heard["mix_1"], played[:, 0])
        assert np.abs(heard["vocals_1"].astype(np.float64) + heard["instrumental_1"] - heard["mix_1"]).max() <= 2**-23
        assert np.abs(heard["vocals_1"]).max() > 0.01
        stems.until_it_plays(*STEMS)
        stems.until_it_says("latency ", times=2)
        comes_back_aligned(tape, stems, seed=8)


def test_another_period_while_it_runs_is_taken_up(server: JackServer) -> None:
    with running(ROOMY) as daemon, stemd_jack(server, daemon) as stems, Tape(server, PORTS) as tape:
        stems.until_it_plays()
        wired(tape)
        stems.until_it_plays(*STEMS)
        tape.recorder.blocksize = 1_024
        stems.until_it_says("latency ", times=2)
        stems.until(lambda: stems.state()["period"] == 1_024, "it says so")
        stems.until_it_plays(*STEMS)
        comes_back_aligned(tape, stems, seed=9)
        assert stems.state()["period"] == 1_024


def test_a_jack_server_that_goes_is_told_in_one_line(daemon_and_jack: StemdJack, server: JackServer) -> None:
    stems = daemon_and_jack
    server._process.kill()
    assert stems.process.wait(20) == 1
    assert "stemd: the JACK server has gone" in stems.said()
    assert "Traceback" not in stems.said()


@pytest.fixture
def daemon_and_jack(server: JackServer) -> Iterator[StemdJack]:
    with running(ROOMY) as daemon, stemd_jack(server, daemon) as stems:
        stems.until_it_plays()
        yield stems
