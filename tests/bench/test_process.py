"""A daemon of one's own: started, told apart from one that fails, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from typing import NoReturn

import psutil
import pytest

from stemd.errors import StemdError
from stemd_bench.overhead.load import play
from stemd_bench.overhead.task import Task
from stemd_bench.process import Daemon
from stemd_client.sync import Client
from tests.waiting import wait_until


def test_it_serves_once_entered_and_is_gone_once_left() -> None:
    with Daemon() as daemon:
        pid = daemon.pid
        with Client(daemon.address) as client:
            assert client.status()["streams"] == []
    assert not psutil.pid_exists(pid)
    assert daemon.status == 0


def test_a_daemon_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(StemdError, match=r"could not start \(status 78\): .*unknown.*'nonsense'"),
        Daemon("nonsense = 1"),
    ):
        pytest.fail("it started")


def test_a_daemon_that_dies_is_what_is_told() -> None:
    with pytest.raises(StemdError, match="ended by itself with status -9"), Daemon() as daemon:
        kill(daemon)


def kill(daemon: Daemon) -> NoReturn:
    os.kill(daemon.pid, signal.SIGKILL)
    while daemon.status is None:
        time.sleep(0.01)
    raise StemdError("the connection was lost")


def test_an_error_inside_leaves_nothing_behind() -> None:
    with pytest.raises(KeyError), Daemon() as daemon:
        raise KeyError
    assert not psutil.pid_exists(daemon.pid)


ALONE = """
import sys
from stemd_bench.process import Daemon
with Daemon() as daemon:
    print(daemon.pid, flush=True)
    sys.stdin.read()
"""


def test_a_daemon_does_not_outlive_one_that_is_killed() -> None:
    command = [sys.executable, "-c", ALONE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        daemon = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_until(lambda: not daemon.is_running(), "the daemon is gone")


def test_what_the_client_that_makes_the_load_says_last_is_why_it_failed() -> None:
    with pytest.raises(StemdError, match="neither ipc") as told:
        play(Task(address="nowhere", pid=os.getpid()))
    assert "RuntimeWarning" not in str(told.value)
