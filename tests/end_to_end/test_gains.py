"""Gains of `out`: a ramp whose position is told, the same for everybody, and reproducible from the answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import numpy as np
import pytest

from stemd.audio import Float32Array, quantise
from stemd.dsp.mixing import GainRamp, mix
from stemd.protocol import GainSet
from stemd_client import Client, StemBlock
from tests.end_to_end.process import Daemon
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import Wanted, collect, headers_are_in_order, joined, listening, send

RATE = 48_000
SIZE = 960
RAMP = 480  # 10 ms
LISTENED: tuple[Wanted, ...] = (("out", "f32le"), ("out", "f32le"), ("out", "s16le"), ("vocals", "f32le"))
CHANGES: tuple[dict[str, float], ...] = (
    {"vocals": 0.0},
    {"vocals": 1.5, "rest": 0.25},
    {"rest": 0.0},
    {"vocals": 1.0, "rest": 1.0},
)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


async def changed(
    client: Client, name: str, mixture: Float32Array
) -> tuple[list[list[StemBlock]], list[GainSet], dict[str, float]]:
    """A stream whose gains change while it goes on: what was heard, the answers, and the gains at the end."""
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        subs = [await stack.enter_async_context(listening(client, name, one)) for one in LISTENED]
        tasks = [asyncio.create_task(collect(sub)) for sub in subs]
        answers: list[GainSet] = []
        async with client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN) as stream:
            step = mixture.shape[1] // (len(CHANGES) + 1)
            for k, change in enumerate(CHANGES):
                await send(stream, mixture[:, k * step : (k + 1) * step], SIZE)
                await given(client, name, beyond=answers[-1].position if answers else 0)
                answers.append(await stream.set_gain(**change))
            await send(stream, mixture[:, len(CHANGES) * step :], SIZE)
            [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
        return await asyncio.gather(*tasks), answers, state["gains"]


async def given(client: Client, name: str, beyond: int) -> None:
    """Wait until more than so many frames have left."""
    while True:
        [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
        if state["given"] > beyond:
            return


def expected(
    answers: Sequence[GainSet], mixture: Float32Array, vocals: Float32Array, out: Sequence[StemBlock]
) -> Float32Array:
    """`out` as anybody can compute it who has the answers, the mixture and the vocals."""
    ramps = {name: GainRamp(RAMP) for name in ("vocals", "rest")}
    left, parts = list(zip(answers, CHANGES, strict=True)), []
    for block in out:
        start, stop = block.header.position, block.header.position + block.header.frames
        while left and left[0][0].position <= start:
            answer, change = left.pop(0)
            for stem, gain in change.items():
                ramps[stem].set(answer.position, gain)
        gains = {part: ramp.at(start, stop - start) for part, ramp in ramps.items()}
        parts.append(mix(mixture[:, start:stop], {"vocals": vocals[:, start:stop]}, gains))
    assert not left
    return np.concatenate(parts, axis=1)


async def test_gains_are_reproducible_from_the_answers_and_equal_for_all(client: Client, name: str) -> None:
    mixture = recording(40 * 5 * SIZE, RATE, seed=21)
    (out, same, integers, vocals), answers, gains = await changed(client, name, mixture)
    for heard in (out, same, integers, vocals):
        headers_are_in_order(heard, mixture.shape[1])
    assert np.array_equal(joined(vocals), offline(mixture, RATE))
    assert np.array_equal(joined(out), joined(same))
    assert np.array_equal(joined(out), expected(answers, mixture, joined(vocals), out))
    assert np.array_equal(joined(integers), quantise(joined(out)))
    assert gains == {"vocals": 1.0, "rest": 1.0}


async def test_each_answer_names_a_ramp_of_ten_milliseconds_at_a_block_that_has_not_left(
    client: Client, name: str
) -> None:
    mixture = recording(40 * 5 * SIZE, RATE, seed=22)
    (out, *_), answers, _ = await changed(client, name, mixture)
    starts = {block.header.position for block in out}
    so_far = {"vocals": 1.0, "rest": 1.0}
    for answer, change in zip(answers, CHANGES, strict=True):
        so_far |= change
        assert (answer.ramp, answer.gains) == (RAMP, so_far)
        assert answer.position in starts
    positions = [answer.position for answer in answers]
    assert positions == sorted(positions)
    assert positions[0] > 0
    before, after = positions[0], positions[0] + RAMP
    assert np.array_equal(joined(out)[:, :before], mixture[:, :before]), "at unity it is the mixture itself"
    silent_voice = mixture[:, after : positions[1]] - offline(mixture, RATE)[:, after : positions[1]]
    assert np.array_equal(joined(out)[:, after : positions[1]], silent_voice)


async def test_anybody_may_set_gains_and_who_does_hears_the_same(daemon: Daemon, client: Client, name: str) -> None:
    desk = client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN)
    async with Client(daemon.address) as other, desk:
        answer = await other.set_gain(name, vocals=0.5)
        assert (answer.position, answer.gains) == (0, {"vocals": 0.5, "rest": 1.0})
        [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
        assert state["gains"] == {"vocals": 0.5, "rest": 1.0}
