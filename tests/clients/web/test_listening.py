"""Laws of what waits for one browser, and of the bytes that it gets."""

import json
import struct

import numpy as np
import pytest

from stemd.protocol import Stem
from stemd_client.subscription import StemBlock
from stemd_client.web.listening import BACKLOG_SECONDS, Ear

RATE, SIZE = 48_000, 960


def block(number: int, incarnation: str = "a", flags: tuple[str, ...] = (), dropped: int = 0) -> StemBlock:
    position = number * SIZE
    header = Stem(
        subscription=1,
        stream="desk",
        incarnation=incarnation,
        stem="vocals",
        sequence=number,
        position=position,
        frames=SIZE,
        rate=RATE,
        channels=2,
        format="f32le",
        capture_ns=0,
        source_ns=None,
        latency=24_000,
        dropped=dropped,
        flags=flags,
    )
    return StemBlock(header, np.full((2, SIZE), number / 1_000, np.float32), 0)


def read(message: bytes | str) -> tuple[int, ...]:
    assert isinstance(message, bytes)
    return struct.unpack("<BBBBIQIIII", message[:32])


async def test_a_browser_that_does_not_read_holds_a_second_and_is_told_what_it_lost() -> None:
    ear = Ear("f32le")
    for number in range(500):
        ear.take(block(number))
    kept = []
    while not ear.empty:
        kept.append(read(await ear.next()))
    seconds = len(kept) * SIZE / RATE
    assert BACKLOG_SECONDS - 0.02 <= seconds <= BACKLOG_SECONDS
    assert kept[-1][5] == 499 * SIZE
    assert {head[9] for head in kept} == {500 - len(kept)}


async def test_a_block_is_a_header_and_its_samples() -> None:
    ear = Ear("f32le")
    ear.take(block(7, flags=("start", "gap", "degraded"), dropped=3))
    message = await ear.next()
    assert read(message) == (1, 0, 2, 7, RATE, 7 * SIZE, SIZE, 24_000, 1, 3)
    assert np.array_equal(np.frombuffer(message[32:], "<f4"), np.full(2 * SIZE, 7 / 1_000, np.float32))


async def test_16_bit_samples_are_half_as_many_bytes() -> None:
    ear = Ear("s16le")
    ear.take(block(7))
    message = await ear.next()
    assert read(message)[1] == 1
    assert len(message) == 32 + 2 * 2 * SIZE


async def test_another_incarnation_begins_another_epoch() -> None:
    ear = Ear("f32le")
    for number, incarnation in enumerate("aabb"):
        ear.take(block(number, incarnation))
    assert [read(await ear.next())[8] for _ in range(4)] == [1, 1, 2, 2]


async def test_words_come_after_the_blocks_before_them_and_are_forgotten_when_more_come() -> None:
    ear = Ear("f32le")
    ear.rest("waiting")
    ear.take(block(0))
    ear.rest("the daemon is gone")
    assert isinstance(await ear.next(), bytes)
    assert json.loads(await ear.next()) == {"kind": "rest", "text": "the daemon is gone"}
    assert ear.empty


@pytest.mark.parametrize("text", ["no such stem"])
async def test_after_a_fault_nothing_follows(text: str) -> None:
    ear = Ear("f32le")
    ear.fault(text)
    assert ear.over
    assert json.loads(await ear.next()) == {"kind": "fault", "text": text}
