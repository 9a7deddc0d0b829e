"""The stream that must go on: while others misbehave, each of its samples is compared with the offline composition."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.mixing import residual
from stemd_client import Client, StemBlock, Stream, Subscription
from stemd_client.background import Background
from tests.end_to_end.reference import WIRE_PLAN, offline, recording

T = TypeVar("T")

RATE: Final = 48_000
BLOCK: Final = 1_024
STEP: Final = 12 * BLOCK  # half a hop
STEPS: Final = 24  # of a recording; then the stream is closed, and another opened
PATIENCE: Final = 20.0

STEMS: Final = ("vocals", "instrumental", "mix")


@cache
def expected() -> dict[str, Float32Array]:
    """What must come, by stem; `mix` is what goes in."""
    mixture = recording(STEP * STEPS, RATE, seed=7)
    vocals = offline(mixture, RATE)
    assert np.abs(vocals).max() > 0.01, "a network that gives silence would witness nothing"
    return {"mix": mixture, "vocals": vocals, "instrumental": residual(mixture, [vocals])}


class Witness:
    """A free stream and lossless subscriptions to it, stepped from a test's thread; the client lives in another."""

    def __init__(self, address: str, key: Path | None = None) -> None:
        self._loop = Background()
        self._client = Client(address, "witness", key=key)
        self._wait(self._client.__aenter__())
        self._names = (f"witness-{n}" for n in itertools.count(1))
        self._stream: Stream
        self._heard: dict[str, Subscription]
        self._at: dict[str, int]
        self._failed = False
        self._begin()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.wait(asyncio.wait_for(work, PATIENCE))

    def _begin(self) -> None:
        name = next(self._names)
        self._stream = self._client.open(name, rate=RATE, block=BLOCK, timing="free", plan=WIRE_PLAN)
        self._heard = {stem: self._client.subscribe(name, stem, delivery="lossless", credit=512) for stem in STEMS}
        self._at = dict.fromkeys(STEMS, 0)
        for subscription in self._heard.values():
            self._wait(subscription.__aenter__())
        self._wait(self._stream.__aenter__())

    def _begin_again(self) -> None:
        """Give up a stream that failed, so that the next test is judged by itself."""
        self._failed = False
        with suppress(Exception):
            self._wait(self._stream.__aexit__(AssertionError, None, None))
        for subscription in self._heard.values():
            self._wait(subscription.__aexit__())
        self._begin()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """The stream goes on before, during and after what is done in this block."""
        if self._failed:
            self._begin_again()
        try:
            self.compare()
            self.feed()  # separated while the block does what it does
            yield
            self.feed()
            self.compare()
        except BaseException:
            self._failed = True
            raise

    def feed(self) -> None:
        """Send some more; where the recording ends, see the stream to its end and begin anew."""
        if self._stream.position == STEP * STEPS:
            self.finish()
            self._begin()
        start = self._stream.position
        self._wait(self._stream.send(expected()["mix"][:, start : start + STEP]))

    def compare(self) -> None:
        """Wait for every block that is owed for what was sent, and compare."""
        owed = self._stream.position - self._stream.opened.latency
        for stem in STEMS:
            while self._at[stem] < owed:
                block = self._wait(self._heard[stem].take())
                assert block is not None, f"{stem} ended at {self._at[stem]}"
                self._check(stem, block)

    def _check(self, stem: str, block: StemBlock) -> None:
        header, at = block.header, self._at[stem]
        assert (header.position, header.frames, header.dropped) == (at, BLOCK, 0), header
        assert set(header.flags) <= {"start"}, header
        assert np.array_equal(block.samples, expected()[stem][:, at : at + BLOCK]), f"{stem} differs at {at}"
        self._at[stem] += BLOCK

    def finish(self) -> None:
        """Send what is left, close, and compare to the end."""
        if self._failed:
            return
        self._wait(self._to_the_end())
        self._wait(self._stream.__aexit__(None, None, None))
        assert self._stream.refused == 0, list(self._stream.faults)

    async def _to_the_end(self) -> None:
        closing = asyncio.create_task(self._send_rest())
        for stem in STEMS:
            while (block := await self._heard[stem].take()) is not None:
                self._check(stem, block)
            assert self._at[stem] == STEP * STEPS, f"{stem} ended at {self._at[stem]}"
        assert await closing == STEP * STEPS

    async def _send_rest(self) -> int:
        await self._stream.send(expected()["mix"][:, self._stream.position :])
        return (await self._stream.close()).position

    def close(self) -> None:
        """End the client."""
        try:
            self._wait(self._client.__aexit__())
        finally:
            self._loop.close()


@contextmanager
def watching(address: str, key: Path | None = None) -> Iterator[Witness]:
    """A witness whose streams are compared to their ends; `key` is the file of its key, where one is asked for."""
    witness = Witness(address, key)
    try:
        yield witness
        witness.finish()
    finally:
        witness.close()
