"""/healthz and /readyz tell the truth in words, and no request to them or to /metrics does harm."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from stemd.config import load_config
from stemd.errors import ConfigError
from stemd_client import Client
from tests.end_to_end.process import Daemon, folder, free_port, one_line, running
from tests.end_to_end.raw import BLOCK, connected
from tests.end_to_end.reference import recording
from tests.end_to_end.seeing.scraping import Answer, Scrape, get, metrics_at
from tests.end_to_end.streaming import headers_are_in_order, joined, separated
from tests.waiting import wait_until

RATE = 44_100
ROOM = 32  # connections at once

Seen = tuple[Daemon, int]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    table, port = metrics_at()
    with running({**table, "server": {"max_streams": 2}}) as daemon:
        yield daemon, port


def answers(port: int, path: str) -> Answer | None:
    """None where nobody listens yet."""
    try:
        return get(port, path)
    except ConnectionError:
        return None


@pytest.mark.slow
def test_it_is_not_ready_until_models_are_warm_and_says_so() -> None:
    table, port = metrics_at()
    with folder() as place:
        daemon = Daemon(place, table)
        try:
            first = wait_until(lambda: answers(port, "/readyz"), "somebody listens")
            assert (first.status, first.reasons) == (503, ["models are being loaded and timed"])
            assert get(port, "/healthz").status == 200
            assert Scrape(port)["stemd_ready"] == 0
            daemon.wait_until_ready()
            ready = get(port, "/readyz")
            assert (ready.status, ready.reasons) == (200, [])
            daemon.stop()
        finally:
            daemon.kill()


def test_it_is_not_ready_while_there_is_no_room_for_a_stream(seen: Seen) -> None:
    daemon, port = seen
    with connected(daemon.address) as raw:
        raw.opened("one")
        assert get(port, "/readyz").status == 200
        raw.opened("two")
        full = get(port, "/readyz")
        assert (full.status, full.reasons) == (503, ["2 streams are open, the most that server.max_streams allows"])
        assert get(port, "/healthz").status == 200
    wait_until(lambda: get(port, "/readyz").status == 200, "there is room again")


@pytest.mark.slow
def test_while_it_drains_it_is_healthy_and_not_ready() -> None:
    table, port = metrics_at()
    with running(table) as daemon, connected(daemon.address) as raw:
        raw.opened("last")
        raw.listen("last", "mix", credit=1)
        raw.feed("last", recording(4 * BLOCK, RATE))
        raw.state()
        daemon.signal(signal.SIGTERM)
        daemon.wait_until_stopping()
        stopping = get(port, "/readyz")
        assert (stopping.status, stopping.reasons) == (503, ["the daemon is stopping"])
        assert get(port, "/healthz").status == 200
        daemon.wait()
    with pytest.raises(ConnectionError):
        get(port, "/healthz")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("HEAD", "/metrics", {}, 200),
        ("GET", "/metrics?name[]=x&%00", {}, 200),
        ("POST", "/metrics", {}, 405),
        ("DELETE", "/healthz", {}, 405),
        ("GET", "/", {}, 404),
        ("GET", "/metrics/../../etc/passwd", {}, 404),
        ("GET", "/metrics", {"Host": "evil.example"}, 421),
        ("GET", "/metrics", {"Host": "evil.example:80"}, 421),
        ("GET", "/healthz", {"Host": "[::1"}, 421),
        ("GET", "/metrics", {"Host": "localhost"}, 200),
        ("GET", "/readyz", {"Host": "[::1]:9109"}, 200),
        ("GET", "/metrics", {"X": "x" * 10_000}, 400),
        ("GET", "/" + "x" * 10_000, {}, 400),
    ],
)
def test_odd_requests_are_answered_as_http_says(
    seen: Seen, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = get(seen[1], path, method, headers)
    assert answer.status == status
    assert method != "HEAD" or answer.body == b""
    assert get(seen[1], "/healthz").status == 200


def test_the_text_says_that_it_is_prometheus(seen: Seen) -> None:
    headers = get(seen[1], "/metrics").headers
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.slow
def test_a_crowd_at_the_door_costs_the_streams_nothing(seen: Seen) -> None:
    """Connections that say nothing, half of something or garbage, and many scrapes, while a stream goes on."""
    daemon, port = seen
    mixture = recording(10 * RATE, RATE, seed=5)
    before = Scrape(port)["process_open_fds"]

    async def play() -> None:
        async with Client(daemon.address) as client:
            playing = asyncio.create_task(separated(client, "calm", mixture, [("mix", "f32le")], rate=RATE))
            await asyncio.to_thread(crowd, port, lambda: daemon_fds(daemon) - before)
            heard = (await playing)["mix", "f32le"]
        headers_are_in_order(heard, mixture.shape[1])
        assert np.array_equal(joined(heard), mixture)

    asyncio.run(play())
    wait_until(lambda: answers(port, "/healthz"), "who is honest is served again")
    assert Scrape(port)["process_open_fds"] <= before + 4


def crowd(port: int, held: Callable[[], float]) -> None:
    """Come with many, stay, and leave."""
    with ExitStack() as stack:
        for number in range(200):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            words = (b"", b"GET /metr", os.urandom(500), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")[
                number % 4
            ]
            try:
                one.sendall(words)
            except OSError:
                continue  # hung up on, as it should be
        # Sooner than those that say nothing are hung up on, which is after 10 s.
        wait_until(lambda: held() <= ROOM + 8, "few of them hold a descriptor", 8.0)


def daemon_fds(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


@pytest.mark.slow
def test_a_port_in_use_is_told_in_one_line(seen: Seen) -> None:
    with folder() as place:
        daemon = Daemon(place, {"metrics": {"address": f"127.0.0.1:{seen[1]}"}})
        try:
            assert daemon.wait() == 78
            assert one_line(daemon.errors())
            assert "metrics.address" in daemon.errors()
        finally:
            daemon.kill()


@pytest.mark.parametrize("address", ["0.0.0.0:9109", "[::]:9109", "192.168.0.1:9109", "example.org:9109", "*:9109"])
def test_what_others_could_reach_is_refused_with_what_to_do(tmp_path: Path, address: str) -> None:
    file = tmp_path / "stemd.toml"
    file.write_text(f'[metrics]\naddress = "{address}"\n')
    with pytest.raises(ConfigError, match=r"metrics\.address .* reverse proxy"):
        load_config(file)


@pytest.mark.parametrize("address", ["9109", ":9109", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "localhost:http"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    file = tmp_path / "stemd.toml"
    file.write_text(f'[metrics]\naddress = "{address}"\n')
    with pytest.raises(ConfigError, match="is not host:port"):
        load_config(file)


@pytest.mark.slow
def test_nobody_listens_unless_told_to() -> None:
    with running() as daemon:
        listening = Path(f"/proc/{daemon.process.pid}/net/tcp").read_text().splitlines()[1:]
        inodes = {line.split()[9] for line in listening if line.split()[3] == "0A"}
        mine = {str(fd.readlink()) for fd in Path(f"/proc/{daemon.process.pid}/fd").iterdir()}
        assert not mine & {f"socket:[{inode}]" for inode in inodes}
    assert free_port()
