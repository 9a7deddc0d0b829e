"""The disk is full; there are no more file descriptors."""

import errno
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from stemd.address import Address
from stemd.errors import ConnectionLostError, UnknownStreamError
from stemd_client import sync
from tests.end_to_end.faults.playing import ROOMY, playing_on
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.witness import watching

pytestmark = pytest.mark.slow

FILES = 4_096  # that the daemon may have open
AT_ONCE = 10  # connections; then a breath
BREATH = 0.002  # seconds


def test_a_full_disk_stops_neither_streams_nor_new_ones() -> None:
    with folder() as place:
        cache = place / "cache"
        cache.mkdir()
        # A file system of one page, full, where the daemon keeps what it learnt; and nowhere to complain to.
        mounted = f'mount -t tmpfs -o size=4k none {cache} && head -c 4096 /dev/zero > {cache}/full; exec "$@"'
        wrapper = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")
        if subprocess.run([*wrapper, "true"], check=False, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a file system of his own")
        config = {"realtime": ROOMY, "log": {"level": "debug"}}
        with running(config, home=place, wrapper=wrapper, deaf=True) as daemon:
            # Plan `auto` chooses a hop and would remember it.
            with sync.Client(daemon.address) as client, client.open("tuned", rate=44_100, plan="auto") as stream:
                assert stream.opened.latency > 0
            with watching(daemon.address) as witness, witness.going_on(), playing_on(daemon.address):
                full = Path(f"/proc/{daemon.process.pid}/root{cache}")
                assert [file.name for file in full.rglob("*") if file.is_file() and file.stat().st_size] == ["full"]
                with sync.Client(daemon.address) as client, pytest.raises(UnknownStreamError, match="no stream 'none'"):
                    client.set_gain("none", vocals=0.0)  # which is logged


@pytest.fixture
def narrow() -> Iterator[Daemon]:
    """A daemon that may open few files."""
    limit = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES})); "
    wrapper = (sys.executable, "-c", limit + "os.execv(sys.argv[1], sys.argv[1:])")
    with running({"realtime": ROOMY}, wrapper=wrapper) as daemon:
        yield daemon


def crowd(address: str, count: int, stack: ExitStack) -> int:
    """Connections that say nothing, some thousand a second, as many as are let in or wait at the door; how many."""
    place = Address.parse(address).requests.removeprefix("ipc://")
    for number in range(count):
        hog = stack.enter_context(socket.socket(socket.AF_UNIX))
        hog.setblocking(False)
        if number % AT_ONCE == 0:
            time.sleep(BREATH)
        while (error := hog.connect_ex(place)) == errno.EAGAIN:
            time.sleep(BREATH)  # the queue at the door is full
        if error:
            return number
    return count


def test_without_file_descriptors_who_is_there_is_served_and_who_comes_is_served_later(narrow: Daemon) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * FILES + 100:
        pytest.skip(f"this process may open {hard} files, too few to use up another's {FILES}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    process = psutil.Process(narrow.process.pid)
    try:
        with watching(narrow.address) as witness, witness.going_on(), playing_on(narrow.address) as player:
            for _ in range(3):
                with ExitStack() as stack:
                    assert FILES // 4 < crowd(narrow.address, 2 * FILES, stack) < FILES
                    assert process.num_fds() < FILES
                    with pytest.raises(ConnectionLostError):
                        sync.Client(narrow.address, connect_timeout=0.5).__enter__()
                    player.go_on()
                with sync.Client(narrow.address, connect_timeout=20) as client:
                    assert client.status()["clients"] >= 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert narrow.errors().count("no local client is let in") == 3
