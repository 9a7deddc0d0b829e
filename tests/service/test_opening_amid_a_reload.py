"""A stream that is being opened while the daemon takes over another configuration gets what holds afterwards."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from stemd.config import Config
from stemd.protocol import Open, Opened
from stemd.separation.store import Model, find
from stemd.service.sessions import Sessions
from stemd.service.streams import Streams
from tests import editions
from tests.waiting import until


class FakeLibrary:
    """A fake: its first model is loaded when `gate` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gate = folder, asyncio.Event()
        self.asked: list[str] = []

    async def load(self, name: str) -> Model:
        self.asked.append(name)
        await self.gate.wait()
        return find(name, [self.folder])

    def current(self, model: Model) -> bool:
        return True


async def test_a_stream_opened_amid_a_reload_gets_the_model_that_holds_afterwards(tmp_path: Path) -> None:
    for name in ("old", "new"):
        editions.put(tmp_path, 1.0, name=name)
    said: list[Any] = []
    library, sessions = FakeLibrary(tmp_path), Sessions()
    courier: Any = SimpleNamespace(reply=lambda session, message: said.append(message))
    listeners: Any = SimpleNamespace(join=lambda stream: None)
    before, after = (msgspec.convert({"models": {"default": name}}, Config) for name in ("old", "new"))
    streams = Streams(before, None, library, sessions, listeners, courier)  # type: ignore[arg-type]
    session = sessions.add(b"peer", "client", 0)
    streams.begin(session, Open(1, "desk", 44_100, 2, "f32le", 441, "free", None, None, None))
    await until(lambda: library.asked, "the model is asked for")
    assert streams.uses("whatever it will be")
    streams.configure(after)
    library.gate.set()
    await until(lambda: said, "it is open")
    assert isinstance(said[0], Opened)
    assert (said[0].model, library.asked) == ("new", ["old", "new"])
    assert not streams.uses("whatever it will be")
