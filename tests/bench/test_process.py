"""A daemon of one's own: started, told apart from one that fails, and never left behind."""

import os
import signal
import time
from typing import NoReturn

import psutil
import pytest

from stemd.errors import StemdError
from stemd_bench.process import Daemon
from stemd_client.sync import Client


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
