"""What status and metrics tell of servers that run networks, one of which is killed and comes back."""

from pathlib import Path

import pytest

from stemd.separation.remote.repository import Serving
from stemd.separation.store import find
from stemd.store.triton import export
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.results import Skipped
from tests.end_to_end.process import running
from tests.end_to_end.raw import BLOCK, connected
from tests.end_to_end.reference import recording
from tests.end_to_end.seeing.scraping import Scrape, metrics_at
from tests.waiting import wait_until

_FOUND = tritonserver()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(isinstance(_FOUND, Skipped), reason=getattr(_FOUND, "reason", "")),
]
BLOCKS = 40


def test_a_server_is_told_of_while_it_works_when_it_is_killed_and_when_it_is_back(tmp_path: Path) -> None:
    export(tmp_path / "repository", find("spleeter-vocals"), Serving(backend="python", threads=1), lambda _: None)
    table, port = metrics_at()

    def told(name: str, address: str) -> float:
        return Scrape(port).of(f"stemd_server_{name}", server=address)

    with Server(tmp_path / "repository") as first:
        engine = {"name": "triton", "triton": {"endpoints": [first.address]}}
        with running({**table, "engine": engine}) as daemon, connected(daemon.address) as raw:
            there = {name: told(name, first.address) for name in ("there", "failures_total", "returns_total")}
            assert there == {"there": 1, "failures_total": 0, "returns_total": 0}
            [state] = raw.state()["servers"]
            assert (state["address"], state["there"], state["models"]) == (first.address, True, ["spleeter-vocals"])

            raw.opened("desk")
            heard = raw.listen("desk", "vocals")
            raw.feed("desk", recording(BLOCKS * BLOCK, 44_100))
            wait_until(lambda: told("busy_segments", first.address), "it has a segment")
            raw.closing("desk")
            [vocals] = raw.take_until_end(heard)
            assert not any("degraded" in header.flags for header in vocals.headers)
            wait_until(lambda: told("busy_segments", first.address) == 0, "it has none any more")

            first.kill()
            raw.opened("again")
            heard = raw.listen("again", "vocals")
            raw.feed("again", recording(BLOCKS * BLOCK, 44_100))
            raw.closing("again")
            wait_until(lambda: told("there", first.address) == 0, "it is missed")
            assert told("failures_total", first.address) == 1
            with Server(tmp_path / "repository", port=first.port) as second:
                assert second.address == first.address
                wait_until(lambda: told("there", first.address) == 1, "it is back")
                assert told("returns_total", first.address) == 1
                [vocals] = raw.take_until_end(heard)
                assert not any("degraded" in header.flags for header in vocals.headers), "a free stream waits"
