"""Nobody is let in while file descriptors run short, and everybody again when they do not."""

import asyncio
import socket
from pathlib import Path

import pytest
import zmq

from stemd.service.doorkeeper import Doorkeeper
from stemd.service.port import Port
from tests.end_to_end.process import folder
from tests.waiting import until


class FakeDoor:
    """A fake: notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def shut(self) -> None:
        self.done.append("shut")

    def open(self) -> None:
        self.done.append("open")


def test_the_door_is_shut_at_the_most_and_opened_well_below_it() -> None:
    door = FakeDoor()
    keeper = Doorkeeper([door])
    for used in (0, keeper.most - 1):
        keeper.look(used)
    assert door.done == []
    for used in (keeper.most, keeper.most + 5, keeper.most - 1):
        keeper.look(used)
    assert door.done == ["shut"]
    for used in (keeper.most // 2, keeper.most - 1):
        keeper.look(used)
    assert door.done == ["shut", "open"]


async def test_it_looks_again_and_again() -> None:
    door, counts = FakeDoor(), iter([0, 10**6, 0])
    keeping = asyncio.create_task(Doorkeeper([door], lambda: next(counts, 0)).keep())
    await until(lambda: len(door.done) == 2, "two things were done")
    keeping.cancel()
    assert door.done == ["shut", "open"]


async def test_what_cannot_be_counted_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> list[str]:
        raise OSError(24, "Too many open files")

    door = FakeDoor()
    with monkeypatch.context() as patched:
        patched.setattr("stemd.service.doorkeeper.os.listdir", fail)
        keeping = asyncio.create_task(Doorkeeper([door]).keep())
        await until(lambda: door.done == ["shut"], "the door is shut")
    await until(lambda: len(door.done) == 2, "something is done when they can be counted again")
    keeping.cancel()
    assert door.done == ["shut", "open"]


@pytest.mark.parametrize("given", [False, True])
async def test_a_shut_port_is_not_found_and_keeps_whom_it_has(given: bool) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with folder() as place, socket.socket(socket.AF_UNIX) as listening:
        path = place / "s"
        if given:
            listening.bind(str(path))
            listening.listen(16)
        port = Port(context, f"ipc://{path}", given=listening.fileno() if given else None)
        heard: list[bytes] = []
        port.receiver = lambda peer, frames, key: heard.append(bytes(frames[0]))
        one = context.socket(zmq.DEALER)
        one.connect(f"ipc://{path}")
        one.send(b"before")
        await until(lambda: heard == [b"before"], "the first is heard")
        port.shut()
        with socket.socket(socket.AF_UNIX) as late:
            assert late.connect_ex(str(path)) != 0
        one.send(b"during")
        await until(lambda: heard[1:] == [b"during"], "who is in is heard")
        two = context.socket(zmq.DEALER)
        two.connect(f"ipc://{path}")
        two.send(b"after")
        port.open()
        await until(lambda: heard[2:] == [b"after"], "who came meanwhile is let in")
        port.shut()
        port.close()
        context.destroy(0)
        assert [file.name for file in place.iterdir()] == (["s"] if given else [])


async def test_a_socket_that_was_left_aside_is_found_again_by_the_next_daemon() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with folder() as place, socket.socket(socket.AF_UNIX) as listening:
        path = place / "s"
        listening.bind(str(path))
        listening.listen(16)
        path.rename(place / ".s")  # as one that was killed while its door was shut leaves it
        port = Port(context, f"ipc://{path}", given=listening.fileno())
        assert path.exists()
        port.close()
        context.destroy(0)
