"""What the service manager hears, over a real datagram socket as systemd has one."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stemd.service.notify import Notifier
from stemd.service.vigil import Vigil, ask_for_patience, described
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")


class Manager:
    """The service manager's end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[dict[str, str]]:
        """The datagrams since the last look."""
        found = []
        while True:
            try:
                text = self._socket.recv(65_536).decode()
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in text.split("\n")))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "n") if request.param == "path" else f"@stemd-test-{os.getpid()}")
    yield manager
    manager.close()


def state(*streams: int, load: float = 0.0) -> dict[str, Any]:
    """A daemon's state with streams of so many subscriptions."""
    return {
        "streams": [{"subscriptions": [{}] * count} for count in streams],
        "pending": [],
        "load": load,
        "models": ["spleeter-vocals"],
        "trouble": None,
    }


def test_every_word_is_as_sd_notify_has_it(manager: Manager) -> None:
    notifier = Notifier(manager.address, watchdog=1.0)
    before = time.monotonic_ns() // 1_000
    for say in (
        notifier.reloading,
        notifier.alive,
        lambda: notifier.ready("one\nline"),
        lambda: notifier.stopping(9.0),
        lambda: notifier.extend(0.5),
    ):
        say()
    reloading, *others = manager.heard()
    assert before <= int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1_000
    assert [reloading, *others] == [
        {"RELOADING": "1", "STATUS": "reloading"},
        {"WATCHDOG": "1"},
        {"READY": "1", "STATUS": "one line"},
        {"STOPPING": "1", "STATUS": "stopping: sending what is inside", "EXTEND_TIMEOUT_USEC": "9000000"},
        {"EXTEND_TIMEOUT_USEC": "500000"},
    ]


def test_what_is_inherited_is_kept_from_children() -> None:
    environment = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    notifier = Notifier.inherited(environment)
    assert (notifier.address, notifier.watchdog) == ("/n", 2.5)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "environment",
    [
        {"NOTIFY_SOCKET": "/n"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "2500000"},
    ],
)
def test_a_watchdog_of_somebody_else_is_not_fed(environment: dict[str, str]) -> None:
    assert Notifier.inherited(environment).watchdog is None


def test_without_a_manager_nothing_is_said_and_nothing_fails() -> None:
    notifier = Notifier.inherited({})
    notifier.ready("here")
    assert notifier.address == ""


def test_a_manager_that_is_gone_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(str(tmp_path / "gone"))
    with caplog.at_level(logging.WARNING):
        notifier.ready("here")
        notifier.status("still here")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (state(), "0 streams, load 0.00, 0 subscribers; spleeter-vocals"),
        (state(1, load=0.41), "1 stream, load 0.41, 1 subscriber; spleeter-vocals"),
        ({**state(2, 0), "pending": [{}]}, "2 streams, load 0.00, 3 subscribers; spleeter-vocals"),
    ],
)
def test_the_status_counts_streams_and_those_who_listen(now: dict[str, Any], line: str) -> None:
    assert described(now) == line


async def test_signs_of_life_come_thrice_in_the_watchdogs_patience(manager: Manager) -> None:
    vigil = Vigil(Notifier(manager.address, watchdog=0.3), state, lambda: True)
    assert vigil.interval == pytest.approx(0.1)
    watching = asyncio.create_task(vigil.watch())
    signs: list[dict[str, str]] = []
    await until(lambda: signs.extend(manager.heard()) or signs.count({"WATCHDOG": "1"}) >= 5, "five signs of life")
    watching.cancel()


async def test_workers_that_do_not_answer_end_the_signs_of_life(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    answering, looks = [True], []

    def answers() -> bool:
        looks.append(answering[0])
        return answering[0]

    with caplog.at_level(logging.INFO):
        watching = asyncio.create_task(Vigil(Notifier(manager.address, watchdog=0.03), state, answers).watch())
        await until(lambda: {"WATCHDOG": "1"} in manager.heard(), "a sign of life")
        answering[0] = False
        await until(lambda: looks.count(False) > 1, "a look at workers that do not answer")
        manager.heard()
        await until(lambda: looks.count(False) > 9, "more looks")
        assert manager.heard() == []
        answering[0] = True
        await until(lambda: {"WATCHDOG": "1"} in manager.heard(), "a sign of life again")
        watching.cancel()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"], "said once, not at every look"


async def test_an_event_loop_that_hangs_gives_no_sign_of_life(manager: Manager) -> None:
    watching = asyncio.create_task(Vigil(Notifier(manager.address, watchdog=0.03), state, lambda: True).watch())
    await until(lambda: {"WATCHDOG": "1"} in manager.heard(), "a sign of life")
    time.sleep(0.2)  # noqa: ASYNC251 - this is the hanging
    assert manager.heard() == []
    watching.cancel()


async def test_the_status_is_told_when_it_changes(manager: Manager) -> None:
    now = [state()]
    vigil = Vigil(Notifier(manager.address, watchdog=0.03), lambda: now[0], lambda: True)
    vigil.ready()
    assert manager.heard() == [{"READY": "1", "STATUS": described(now[0])}]
    watching = asyncio.create_task(vigil.watch())
    heard: list[dict[str, str]] = []
    await until(lambda: heard.extend(manager.heard()) or len(heard) > 3, "some looks")
    assert [told for told in heard if "STATUS" in told] == []
    now[0] = {**state(1), "trouble": "the last reload changed nothing"}
    assert described(now[0]).endswith("; the last reload changed nothing")
    wanted = {"STATUS": described(now[0])}
    await until(lambda: wanted in manager.heard(), "the new status")
    watching.cancel()


async def test_patience_is_asked_for_as_long_as_a_start_may_take(manager: Manager) -> None:
    await asyncio.wait_for(ask_for_patience(Notifier(manager.address), longest=0.0), 1)
    assert [told for told in manager.heard() if "EXTEND_TIMEOUT_USEC" in told] == []
    asking = asyncio.create_task(ask_for_patience(Notifier(manager.address)))
    heard: list[dict[str, str]] = []
    await until(lambda: heard.extend(manager.heard()) or len(heard) > 1, "a request for patience")
    assert heard[:2] == [
        {"STATUS": "starting: loading and warming networks"},
        {"EXTEND_TIMEOUT_USEC": "30000000"},
    ]
    asking.cancel()


def test_a_child_cannot_speak_for_the_daemon(manager: Manager) -> None:
    code = (
        "import os, subprocess, sys; from stemd.service.notify import Notifier; Notifier.inherited();"
        "sys.exit(subprocess.call([sys.executable, '-c', 'import os; exit(\"NOTIFY_SOCKET\" in os.environ)']))"
    )
    environment = {**os.environ, "NOTIFY_SOCKET": manager.address}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
