"""A realtime source that loses blocks, is late or pauses: the stream goes on at its time, and says what never came."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from tests.networks import noise
from tests.service.pretence import Desk, Heard, LatePool, model_of, open_desk, pretend, seconds_now
from tests.service.test_overload import singer

RATE = 44_100
PLAN = WindowPlan(32 * stft.HOP, 2 * stft.HOP, 0, 5 * stft.HOP)
PAUSE_AT, LENGTH = 0.6, 1.8  # seconds of what is sent
ON_ITS_WAY = 0.0007  # seconds that a message takes
TIMER = 0.003

Way = Literal["goes on", "follows its clock"]


@dataclass(repr=False)
class Source:
    """Sends noise at its pace, and pauses once; what the daemon says takes a while to be heard, as what is sent does.

    Attributes:
        sent: the blocks that were sent, by position.
        skipped: frames that the daemon went on without, as `stemd_client.Stream.skipped` counts them.
        late_in_a_row: the most blocks that were refused one after the other since the pause.
    """

    desk: Desk
    way: Way
    sound: Float32Array = field(default_factory=lambda: noise(round((LENGTH + 4) * RATE)))
    sent: dict[int, Float32Array] = field(default_factory=dict)
    position: int = 0
    skipped: int = 0
    late_in_a_row: int = 0
    _heard: int = 0

    async def play(self, pause: float) -> None:
        """Everything before the pause and after it."""
        desk, loop = self.desk, asyncio.get_running_loop()
        silent, row = 0.0, 0
        for n in range(round(LENGTH * RATE) // desk.block):
            if not silent and n * desk.block >= PAUSE_AT * RATE:
                silent = pause
                if self.way == "follows its clock":
                    self.position += round(pause * RATE)
            time = desk.began + n * desk.block / RATE + silent
            while time > seconds_now():
                await asyncio.sleep(min(ON_ITS_WAY, time - seconds_now()))
                self._listen()
            block = self.sound[:, self.position : self.position + desk.block]
            self.sent[self.position] = block
            late = desk.stream.inlet.intake.late
            loop.call_later(ON_ITS_WAY, desk.send, self.position, block)
            self.position += block.shape[1]
            row = row + 1 if desk.stream.inlet.intake.late > late else 0
            self.late_in_a_row = max(row, self.late_in_a_row)
        await asyncio.sleep(2 * ON_ITS_WAY)

    def _listen(self) -> None:
        # What was said a while ago; a source that follows a clock of its own does not care.
        moves = self.desk.events.moves
        for position in moves[self._heard :] if self.way == "goes on" else ():
            self.skipped += max(0, position - self.position)
            self.position = max(self.position, position)
        self._heard = len(moves)


@dataclass(repr=False)
class Aftermath:
    """What came of a pause."""

    source: Source
    heard: dict[str, Heard]
    state: dict[str, Any]


def paused(block: int, pause: float, way: Way, *, fills: bool = True, offset: float = 0.0) -> Aftermath:
    """A source that pauses; `offset` moves it against the timers of the stream."""

    async def play() -> Aftermath:
        desk = open_desk(
            LatePool([singer()], lambda: 0.01),
            *(model_of("mask", "vocals"), PLAN, ("vocals",), ("mix", "vocals")),
            block=block,
            fills=fills,
        )
        desk.began += offset
        source = Source(desk, way)
        await source.play(pause)
        state = desk.stream.state()
        return Aftermath(source, await desk.close(), state)

    return pretend(play())


every_block = pytest.mark.parametrize("block", [44, 441, 4_410])
both_ways = pytest.mark.parametrize("way", ["goes on", "follows its clock"])


@every_block
@both_ways
@pytest.mark.parametrize("pause", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("offset", [0.0, 0.0003])
def test_a_pause_moves_nothing_and_what_never_came_is_flagged(
    block: int, way: Way, pause: float, offset: float
) -> None:
    aftermath = paused(block, pause, way, offset=offset)
    source, mix = aftermath.source, aftermath.heard["mix"]
    latency = source.desk.stream.promise.latency
    at = 0
    for header, samples, time in zip(mix.headers, mix.parts, mix.times, strict=True):
        assert header.position == at
        at += header.frames
        assert 0 <= time - (header.capture_ns / 1e9 + latency / RATE) + 1e-6 <= TIMER, "every block leaves at its time"
        came = source.sent.get(header.position)
        if "gap" in header.flags:
            assert not samples.any()
        else:
            assert came is not None
            assert np.array_equal(samples, came), "what was sent is what is heard"
    gap = len(mix.flagged("gap")) * block / RATE
    lost = aftermath.state["late"] * block / RATE
    if way == "goes on" and pause < 0.1:
        assert (gap, source.skipped, aftermath.state["gaps"]) == (0, 0, 0), "a hiccup loses nothing"
    else:
        assert abs(gap - (pause + lost)) <= 3 * block / RATE + 0.003
    if way == "goes on" and gap:
        assert source.skipped > 0
        assert abs(source.skipped / RATE - gap) <= (aftermath.state["late"] + 1) * block / RATE
    assert aftermath.state["jumps"] == 0


@every_block
@both_ways
@pytest.mark.parametrize("offset", [0.00047, 0.00091])
def test_after_a_pause_blocks_are_taken_again_at_once(block: int, way: Way, offset: float) -> None:
    aftermath = paused(block, 1.0, way, offset=offset)
    assert aftermath.state["late"] <= 3
    assert aftermath.source.late_in_a_row <= 3
    assert aftermath.state["gaps"] <= 2, "one pause is one gap, but for what follows a late block"
    after = round((PAUSE_AT + 1.0 + 0.5) * RATE)
    for heard in aftermath.heard.values():
        assert not [p for p in heard.flagged("gap") if p >= after]
        assert not [p for p in heard.flagged("degraded") if p >= after]


@every_block
@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_burst_that_was_held_up_for_less_than_the_grace_loses_nothing(block: int, pause: float) -> None:
    """Neither at first nor after a pause."""

    async def play() -> tuple[dict[str, Heard], dict[str, Any], Float32Array]:
        desk = open_desk(
            LatePool([singer()], lambda: 0.01),
            *(model_of("mask", "vocals"), PLAN, ("vocals",), ("mix", "vocals")),
            block=block,
        )
        sound = noise(2 * RATE // block * block)
        sound[:, RATE // 2 // block * block : round((0.5 + pause) * RATE) // block * block] = 0
        for at in range(0, sound.shape[1], block):
            held_up = RATE <= at < 1.09 * RATE
            await desk.until(round(1.09 * RATE) if held_up else at)
            if not RATE // 2 // block * block <= at < round((0.5 + pause) * RATE) // block * block:
                desk.send(at, sound[:, at : at + block])
        return await desk.close(), desk.stream.state(), sound

    heard, state, sound = pretend(play())
    assert np.array_equal(heard["mix"].samples, sound)
    assert (state["gaps"], state["late"], state["jumps"]) == (pause > 0, 0, 0)
    assert all(position < RATE for position in heard["mix"].flagged("gap"))


@pytest.mark.parametrize(("held_up", "gaps"), [(0.18, 0), (0.9, 1)])
def test_what_lies_at_the_door_is_read_before_a_source_is_taken_for_absent(held_up: float, gaps: int) -> None:
    """The daemon was held up, not the source; but what others send for ever is no reason to wait for ever."""

    async def play() -> tuple[Heard, dict[str, Any], Float32Array]:
        desk = open_desk(
            LatePool([singer()], lambda: 0.01),
            *(model_of("mask", "vocals"), PLAN, ("vocals",), ("mix",)),
            compute=2.0,
        )
        sound = noise(2 * RATE // 441 * 441)
        stop = round((1 + held_up) * RATE) // 441 * 441
        for at in range(0, sound.shape[1], 441):
            desk.events.waiting = RATE <= at < stop
            await desk.until(stop if desk.events.waiting else at)
            desk.send(at, sound[:, at : at + 441])
        return (await desk.close())["mix"], desk.stream.state(), sound

    mix, state, sound = pretend(play())
    assert (state["gaps"] > 0) == (gaps > 0)
    if not gaps:
        assert state["jumps"] == 0
        assert np.array_equal(mix.samples, sound)


def test_a_source_that_cannot_be_told_is_waited_for_and_moves_the_time_base() -> None:
    aftermath = paused(441, 0.3, "goes on", fills=False)
    assert not aftermath.source.desk.events.moves
    assert aftermath.state["jumps"] == 1
    mix = aftermath.heard["mix"]
    assert np.array_equal(mix.samples, aftermath.source.sound[:, : mix.samples.shape[1]])
    assert not mix.flagged("gap")


def test_a_source_that_pauses_for_ever_is_all_silence_on_time() -> None:
    async def play() -> tuple[Heard, Desk]:
        desk = open_desk(
            LatePool([singer()], lambda: 0.01),
            *(model_of("mask", "vocals"), PLAN, ("vocals",), ("mix", "vocals")),
        )
        await desk.play(noise(RATE // 10))
        await asyncio.sleep(5.0)
        assert abs(desk.stream.state()["received"] / RATE - 5.1) < 0.1
        return (await desk.close())["mix"], desk

    mix, desk = pretend(play())
    assert [h.position for h in mix.headers] == [441 * n for n in range(len(mix.headers))]
    assert mix.flagged("gap") == [h.position for h in mix.headers if h.position >= RATE // 10]
    latency = desk.stream.promise.latency
    assert all(
        -1e-6 <= time - desk.began - (h.position + latency) / RATE <= TIMER
        for h, time in zip(mix.headers, mix.times, strict=True)
        if time < desk.began + 5
    )
