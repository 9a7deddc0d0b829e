"""`stemd top --json`: a line of state after the other, for scripts."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stemd_client.sync import Client
from tests.end_to_end.process import Daemon, folder, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as daemon:
        yield daemon


@contextmanager
def top(daemon: Daemon, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "stemd", "top", "--json", "--address", daemon.address, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_lines_are_states_and_ctrl_c_ends_them(daemon: Daemon) -> None:
    with top(daemon, "--interval", "0.2") as process:
        states = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
    assert all({"version", "uptime", "clients", "load", "streams", "devices"} <= set(state) for state in states)
    assert 0.5 <= states[3]["uptime"] - states[0]["uptime"] <= 5


def test_a_closed_pipe_ends_them(daemon: Daemon) -> None:
    with top(daemon) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 141
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [("--interval", value, "is too short: 0.1 s at least") for value in ("0", "-1", "0.05", "nan")]
    + [("--stream", "desk", "--json prints every stream")],
)
def test_what_makes_no_sense_is_refused(daemon: Daemon, option: str, value: str, reason: str) -> None:
    with top(daemon, option, value) as process:
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (78, "")
    assert reason in errors


def test_lines_go_on_when_the_daemon_is_back() -> None:
    with folder() as place:
        first = second = Daemon(place)
        first.wait_until_ready()
        try:
            with top(first, "--interval", "0.5") as process:
                assert json.loads(process.stdout.readline())["version"]
                first.kill()
                told = [process.stderr.readline() for _ in range(2)]
                assert told[0].endswith("no longer answers\n")
                assert told[1].endswith("start one with `stemd serve`\n")
                second = Daemon(place, address=first.address)
                second.wait_until_ready()
                with Client(second.address) as client, client.open("new", rate=8_000, timing="free"):
                    states = (json.loads(line) for line in process.stdout)
                    assert next(state for state in states if state["streams"])["streams"][0]["stream"] == "new"
            second.stop()
        finally:
            first.kill()
            second.kill()
