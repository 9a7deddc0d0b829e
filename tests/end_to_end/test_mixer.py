"""The mixer of a stream: anybody turns its knobs, all hear the same, and the answers tell what was heard."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
import pytest

from stemd.audio import Float32Array, quantise
from stemd.errors import ProtocolError, UnknownStemError
from stemd.protocol import GainSet, MixerSet
from stemd_client import Client, StemBlock
from tests.end_to_end.process import Daemon
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import Wanted, collect, headers_are_in_order, joined, listening, send

RATE = 48_000
SIZE = 960
RAMP = 480  # 10 ms
LISTENED: tuple[Wanted, ...] = (("out", "f32le"), ("out", "f32le"), ("out", "s16le"), ("vocals", "f32le"))
AT_FIRST: dict[str, Any] = {
    "gains": {"vocals": 1.0, "rest": 1.0},
    "mute": (),
    "solo": (),
    "wet": 1.0,
    "bypass": False,
}
# What is asked while the stream goes on; those of one row at once, so that they meet in one ramp.
CHANGES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({"mute": ("vocals",)},),
    ({"wet": 0.25}, {"solo": ("vocals",)}, {"mute": (), "wet": 0.5}),
    ({"gains": {"vocals": 0.3, "rest": 1.5}},),
    ({"bypass": True},),
    ({"solo": (), "wet": 1.0},),
    ({"bypass": False}, {"mute": ("rest",)}, {"mute": ()}),
    ({"gains": {"vocals": 1.0, "rest": 1.0}},),
)

Answer = MixerSet | GainSet


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


async def ask(client: Client, name: str, change: dict[str, Any]) -> Answer:
    """Turn some knobs of a stream."""
    if "gains" in change:
        return await client.set_gain(name, **change["gains"])
    return await client.set_mixer(name, **change)


async def state_of(client: Client, name: str) -> dict[str, Any]:
    """What the daemon says of a stream."""
    [state] = [s for s in (await client.status())["streams"] if s["stream"] == name]
    return state


async def changed(
    client: Client, askers: Sequence[Client], name: str, mixture: Float32Array
) -> tuple[list[list[StemBlock]], list[Answer], list[int]]:
    """What was heard of a stream while its controls moved, the answers, and how many frames had left before each."""
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        subs = [await stack.enter_async_context(listening(client, name, one)) for one in LISTENED]
        tasks = [asyncio.create_task(collect(sub)) for sub in subs]
        answers: list[Answer] = []
        left: list[int] = []
        async with client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN) as stream:
            step = mixture.shape[1] // (len(CHANGES) + 1)
            for k, row in enumerate(CHANGES):
                await send(stream, mixture[:, k * step : (k + 1) * step], SIZE)
                before = answers[-1].position if answers else 0
                while (given := (await state_of(client, name))["given"]) <= before:
                    pass
                answers += await asyncio.gather(*(ask(askers[k % len(askers)], name, change) for change in row))
                left += [given] * len(row)
            await send(stream, mixture[:, len(CHANGES) * step :], SIZE)
        return await asyncio.gather(*tasks), answers, left


def controls(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Where all the knobs stood after each answer, as the answers say."""
    now, said = AT_FIRST, []
    for answer in answers:
        now = {key: value for key, value in {**now, **dataclasses.asdict(answer)}.items() if key in AT_FIRST}
        said.append(now)
    return said


def goal(knobs: dict[str, Any], part: str) -> float:
    """The gain of a part, as PROTOCOL.md says it."""
    if knobs["bypass"]:
        return 1.0
    silent = part in knobs["mute"] or (knobs["solo"] and part not in knobs["solo"])
    return knobs["wet"] * (0.0 if silent else knobs["gains"][part]) + (1 - knobs["wet"])


def gain(answers: Sequence[Answer], part: str, length: int) -> np.ndarray:
    """The gain of a part in every frame, as anybody can compute it who has the answers."""
    gains = np.ones(length)
    there = 1.0
    for answer, knobs in zip(answers, controls(answers), strict=True):
        if (target := goal(knobs, part)) == there:
            continue
        there, before = target, gains[answer.position - 1] if answer.position else 1.0
        gains[answer.position :] = target
        ramp = gains[answer.position : answer.position + answer.ramp]
        ramp[:] = before + (target - before) * (np.arange(ramp.size) + 1) / answer.ramp
    return gains


async def test_out_is_reproducible_from_the_answers_and_equal_for_all(
    daemon: Daemon, client: Client, name: str
) -> None:
    mixture = recording(60 * 5 * SIZE, RATE, seed=31)
    async with Client(daemon.address) as other:
        heard, answers, _ = await changed(client, [client, other], name, mixture)
    for blocks in heard:
        headers_are_in_order(blocks, mixture.shape[1])
    out, same, integers, vocals = map(joined, heard)
    assert np.array_equal(vocals, offline(mixture, RATE))
    assert np.array_equal(out, same)
    assert np.array_equal(integers, quantise(out))
    voice, rest = (gain(answers, part, mixture.shape[1]) for part in ("vocals", "rest"))
    assert np.allclose(out, vocals * voice + (mixture - vocals) * rest, rtol=0, atol=2e-6)
    dry = (voice == 1) & (rest == 1)
    assert np.array_equal(out[:, dry], mixture[:, dry]), "there it is the mixture itself"
    assert 0 < np.count_nonzero(dry) < 0.8 * dry.size
    assert np.abs(out - mixture).max() > 0.05


async def test_each_answer_names_all_controls_and_a_block_that_has_not_left(client: Client, name: str) -> None:
    mixture = recording(60 * 5 * SIZE, RATE, seed=32)
    (out, *_), answers, left = await changed(client, [client], name, mixture)
    starts = {block.header.position for block in out}
    knobs = AT_FIRST
    for answer, change, given in zip(answers, [c for row in CHANGES for c in row], left, strict=True):
        knobs = {**knobs, **change}
        said = dataclasses.asdict(answer)
        assert {key: said[key] for key in said.keys() & knobs.keys()} == {
            key: value for key, value in knobs.items() if key in said
        }
        assert answer.ramp == RAMP
        assert answer.position in starts
        assert answer.position >= given, "what had left was not what the daemon said that it changed"
    positions = [answer.position for answer in answers]
    assert positions == sorted(positions)
    assert positions[0] > 0
    first, bypass = positions[0], positions[[c for row in CHANGES for c in row].index({"bypass": True})]
    heard = joined(out)
    assert np.array_equal(heard[:, :first], mixture[:, :first])
    assert (heard[:, first + 1] != mixture[:, first + 1]).any(), "it begins there"
    assert np.array_equal(heard[:, bypass + RAMP : bypass + 4 * SIZE], mixture[:, bypass + RAMP : bypass + 4 * SIZE])


async def test_anybody_may_turn_the_knobs_and_status_shows_them(daemon: Daemon, client: Client, name: str) -> None:
    desk = client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN)
    async with Client(daemon.address) as other, desk as stream:
        assert {"mixer"} <= set(client.welcome.capabilities)
        assert {key: (await state_of(other, name))[key] for key in AT_FIRST} == {**AT_FIRST, "mute": [], "solo": []}
        answer = await other.set_mixer(name, mute=["rest"], wet=0.5)
        assert (answer.position, answer.mute, answer.solo, answer.wet) == (0, ("rest",), (), 0.5)
        await other.set_gain(name, vocals=0.25)
        answer = await stream.set_mixer(solo={"rest", "vocals"}, bypass=True)
        assert (answer.gains, answer.mute) == ({"vocals": 0.25, "rest": 1.0}, ("rest",))
        state = await state_of(client, name)
        assert {key: state[key] for key in AT_FIRST} == {
            "gains": {"vocals": 0.25, "rest": 1.0},
            "mute": ["rest"],
            "solo": ["vocals", "rest"],
            "wet": 0.5,
            "bypass": True,
        }


async def test_what_cannot_be_set_is_refused_and_nothing_moves(client: Client, name: str) -> None:
    async with client.open(name, rate=RATE, block=SIZE, timing="free", plan=WIRE_PLAN) as stream:
        for wrong in ({"mute": ["vocal"]}, {"solo": ["vocals", "drums"]}, {"mute": ["mix"], "solo": ["vocals"]}):
            with pytest.raises(UnknownStemError, match=name):
                await stream.set_mixer(**wrong, wet=0.5, bypass=True)
        for wet in (-0.1, 1.5, float("nan")):
            with pytest.raises(ProtocolError, match=r"set_mixer\.wet"):
                await stream.set_mixer(mute=["vocals"], wet=wet)
        state = await state_of(client, name)
        assert {key: state[key] for key in AT_FIRST} == {**AT_FIRST, "mute": [], "solo": []}
