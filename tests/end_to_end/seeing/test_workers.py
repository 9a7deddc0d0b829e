"""A worker process that is killed is counted, and its follower, too."""

import os
import signal

import psutil
import pytest

from tests.end_to_end.process import running
from tests.end_to_end.raw import BLOCK, connected
from tests.end_to_end.reference import recording
from tests.end_to_end.seeing.scraping import Scrape, metrics_at
from tests.end_to_end.seeing.test_every_metric import WORKERS
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_killed_workers_are_counted_by_lane() -> None:
    table, port = metrics_at()
    with running({**table, "engine": {"workers": "processes", "threads": 1}}) as daemon:
        before = Scrape(port)
        assert all(sum(before.all(name)) == 0 for name in WORKERS)
        for child in psutil.Process(daemon.process.pid).children(recursive=True):
            if "multiprocessing.resource_tracker" not in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
        for name in WORKERS:
            for lane in ("realtime", "free"):
                wait_until(lambda name=name, lane=lane: Scrape(port).of(name, lane=lane) >= 1, f"{name} of {lane}")  # type: ignore[misc]
        assert min(Scrape(port).all("stemd_lane_answers")) == 1
        with connected(daemon.address) as raw:
            raw.opened("after")
            heard = raw.listen("after", "vocals")
            raw.feed("after", recording(4 * BLOCK, 44_100))
            raw.closing("after")
            [vocals] = raw.take_until_end(heard)
        assert len(vocals.headers) == 4
        assert not any("degraded" in header.flags for header in vocals.headers)
