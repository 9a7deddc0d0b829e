"""What a daemon that runs writes to its log, as whoever reads it takes it apart."""

import json
import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from tests.end_to_end.process import Daemon, folder
from tests.end_to_end.raw import connected
from tests.end_to_end.seeing.test_every_metric import TOUCHY, offer
from tests.end_to_end.seeing.touchy import FAILS, put_touchy

pytestmark = pytest.mark.slow

FAILURES = 200  # segments; far more lines than may be written


def complain(daemon: Daemon) -> None:
    """Make a network fail again and again."""
    daemon.wait_until_ready()
    with connected(daemon.address) as raw:
        raw.opened("sour", block=1_024, **TOUCHY)
        heard = raw.listen("sour", "vocals")
        mixture = np.full((2, FAILURES * 1_024), FAILS, np.float32)
        offer(raw, "sour", mixture, 1_024)
        raw.closing("sour")
        raw.take_until_end(heard)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0


def test_json_lines_say_which_stream_and_why_and_how_many_were_left_out() -> None:
    with folder() as place:
        put_touchy(place / "models")
        daemon = Daemon(
            place, {"plan": "", "models": {"folders": [str(place / "models")]}}, arguments=("--log-format", "json")
        )
        try:
            complain(daemon)
            lines = [json.loads(line) for line in daemon.errors().splitlines()]
        finally:
            daemon.kill()
    failed = [line for line in lines if line.get("stream") == "sour"]
    assert {(line["level"], line["code"], line["event"]) for line in failed} == {
        ("warning", "inference", "stream %s: %s")
    }
    left_out = sum(int(line["message"].split()[0]) for line in lines if "more lines were left out" in line["message"])
    told = sum(1 + line.get("suppressed", 0) for line in failed) + left_out
    assert told >= FAILURES
    assert len(lines) < 20


def test_a_flood_of_garbage_writes_next_to_nothing() -> None:
    with folder() as place:
        daemon = Daemon(place)
        try:
            daemon.wait_until_ready()
            with connected(daemon.address) as raw:
                for number in range(3_000):
                    raw.say([os.urandom(1 + number % 50) for _ in range(1 + number % 4)])
                raw.state()
            daemon.signal(signal.SIGTERM)
            assert daemon.wait() == 0
            assert len(daemon.errors()) < 10_000
        finally:
            daemon.kill()


def test_a_pipe_that_nobody_reads_stops_neither_streams_nor_the_end() -> None:
    """Stderr is a pipe that is full: a line that cannot be written holds up nothing."""
    with folder() as place:
        put_touchy(place / "models")
        pipe = place / "pipe"
        os.mkfifo(pipe)
        far = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        try:
            with suppress(BlockingIOError):
                while True:
                    os.write(far, b"x" * 4_096)
            wrapper = ("sh", "-c", f'exec "$0" "$@" 2> {pipe}')
            daemon = Daemon(place, {"plan": "", "models": {"folders": [str(place / "models")]}}, wrapper=wrapper)
            try:
                complain(daemon)
            finally:
                daemon.kill()
        finally:
            os.close(far)
