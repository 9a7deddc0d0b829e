"""Clients that die in the middle of what they say, and clients that come and go without end."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stemd.protocol import Mixture, to_frames
from stemd_client import sync
from tests.end_to_end import victim
from tests.end_to_end.faults import zmtp
from tests.end_to_end.faults.playing import Playing
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import Raw, connected
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

VISITS = 1_000
ROOM = 64 * 2**20  # bytes that the daemon may take up or give back by itself meanwhile
BLOCK = 1_024


def parts() -> list[bytes]:
    """A block as it goes over the wire."""
    kind, header, pcm = map(bytes, to_frames(Mixture("victim", 0, None), b"\0" * 8 * BLOCK))
    return [zmtp.frame(kind, more=True), zmtp.frame(header, more=True), zmtp.frame(pcm, more=False)]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_a_connection_that_breaks_in_mid_block_is_forgotten(daemon: Daemon, others: Playing, share: float) -> None:
    block = b"".join(parts())
    for _ in range(50):
        connection = zmtp.greet(daemon.address)
        connection.sendall(block[: round(share * len(block))])
        connection.close()
    with connected(daemon.address) as raw:
        assert raw.state()["clients"] >= 2


def test_clients_that_are_killed_while_they_send_leave_no_stream(daemon: Daemon, others: Playing) -> None:
    for number in range(6):
        command = (sys.executable, str(Path(victim.__file__)), daemon.address, f"killed-{number}", "free")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if number % 2:  # after its last block, or amid them
                assert process.stdout is not None
                process.stdout.readline()
            else:
                with sync.Client(daemon.address) as client:
                    wait_until(lambda c=client, n=number: f"killed-{n}" in streams(c), "its stream is open")
            process.kill()
    with sync.Client(daemon.address) as client:
        wait_until(lambda: not any(name.startswith("killed") for name in streams(client)), "none is left", 20)


def streams(client: sync.Client) -> list[str]:
    """The names of the streams that are open."""
    return [stream["stream"] for stream in client.status()["streams"]]


def visit(address: str, number: int) -> None:
    """Come, listen to what plays, and go: politely, silently, or before the answer."""
    raw = Raw(address)
    try:
        raw.meet()
        raw.listen("show", ("mix", "vocals", "instrumental")[number % 3], credit=1 + number % 64)
        if number % 3 == 0:
            raw.bye()
        elif number % 3 == 1:
            raw.state()
    finally:
        raw.vanish(100)


def test_a_listener_may_come_and_go_a_thousand_times(daemon: Daemon, others: Playing) -> None:
    process = psutil.Process(daemon.process.pid)
    for number in range(20):
        visit(daemon.address, number)
    with connected(daemon.address) as raw:
        wait_until(lambda: raw.state()["clients"] <= 3, "the first have been missed", 20)
    files, threads, memory = process.num_fds(), process.num_threads(), process.memory_info().rss
    for number in range(VISITS):
        if others.played > 50 * 48_000:
            pytest.skip(f"this machine needs more than a recording for {VISITS} visits: {number} were made")
        visit(daemon.address, number)
    with connected(daemon.address) as raw:
        wait_until(lambda: raw.state()["clients"] <= 3, "they have been missed", 20)
        assert all(len(stream["subscriptions"]) <= 3 for stream in raw.state()["streams"])
    assert process.num_threads() == threads
    wait_until(lambda: process.num_fds() <= files + 4, "their files are closed")
    assert process.memory_info().rss < memory + ROOM
