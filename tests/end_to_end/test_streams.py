"""The central law, end to end: what a stream gives is the offline composition, whatever the blocks, to the last bit."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from stemd.audio import Float32Array, Format, dequantise, quantise
from stemd.dsp.mixing import residual
from stemd_client import Client, StemBlock
from tests.end_to_end.process import Daemon
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import Wanted, headers_are_in_order, joined, separated

VOCALS: Wanted = ("vocals", "f32le")
INSTRUMENTAL: Wanted = ("instrumental", "f32le")
MIX: Wanted = ("mix", "f32le")
INTEGERS: tuple[Wanted, ...] = (("vocals", "s16le"), ("instrumental", "s16le"), ("mix", "s16le"))


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


@pytest.mark.parametrize(
    ("size", "rate", "channels"),
    [
        (64, 44_100, 2),
        (64, 22_050, 1),
        (441, 48_000, 1),
        (441, 44_100, 1),
        (1_024, 48_000, 2),
        (1_024, 22_050, 2),
        (4_410, 44_100, 2),
        (4_410, 48_000, 1),
        ("random", 44_100, 1),
        ("random", 48_000, 2),
        ("random", 22_050, 2),
    ],
)
async def test_stems_equal_the_offline_composition_to_the_last_bit(
    client: Client, name: str, size: int | str, rate: int, channels: int
) -> None:
    mixture = recording(int(1.3 * rate) + 17, rate, channels, seed=rate + channels)
    heard = await separated(client, name, mixture, (VOCALS, INSTRUMENTAL, MIX), rate=rate, sizes=size)
    for blocks in heard.values():
        headers_are_in_order(blocks, mixture.shape[1])
        assert not any({"gap", "degraded", "cut"} & set(block.header.flags) for block in blocks)
    vocals = offline(mixture, rate)
    assert np.abs(vocals).max() > 0.01
    assert np.array_equal(joined(heard[VOCALS]), vocals)
    assert np.array_equal(joined(heard[MIX]), mixture)
    assert np.array_equal(joined(heard[INSTRUMENTAL]), residual(mixture, [vocals]))


@pytest.mark.parametrize("length", [0, 1, 1_023, 22_528, 22_529, 65_536])
async def test_a_stream_of_any_length_comes_out_whole(client: Client, name: str, length: int) -> None:
    mixture = recording(length, 44_100, seed=length)
    heard = await separated(client, name, mixture, (VOCALS, MIX), rate=44_100)
    if length == 0:
        assert heard == {VOCALS: [], MIX: []}
        return
    assert np.array_equal(joined(heard[VOCALS]), offline(mixture, 44_100))
    assert np.array_equal(joined(heard[MIX]), mixture)


@pytest.mark.parametrize("fmt", ["f32le", "s16le"])
@pytest.mark.parametrize("channels", [1, 2])
async def test_in_float_vocals_and_instrumental_add_up_to_the_mixture(
    client: Client, name: str, fmt: Format, channels: int
) -> None:
    mixture = recording(50_000, 48_000, channels, seed=2)
    heard = await separated(client, name, mixture, (VOCALS, INSTRUMENTAL, MIX), rate=48_000, fmt=fmt)
    vocals, instrumental, mix = (joined(heard[one]).astype(np.float64) for one in (VOCALS, INSTRUMENTAL, MIX))
    bound = 2.0**-23 * np.maximum(np.abs(vocals), np.abs(mix))
    assert (np.abs(vocals + instrumental - mix) <= bound).all()
    expected = mixture if fmt == "f32le" else dequantise(quantise(mixture))
    assert np.array_equal(joined(heard[MIX]), expected)


async def test_in_integers_vocals_and_instrumental_add_up_exactly(client: Client, name: str) -> None:
    mixture = recording(50_000, 48_000, seed=3)
    heard = await separated(client, name, mixture, INTEGERS, rate=48_000)
    vocals, instrumental, mix = (joined(heard[one]).astype(np.int32) for one in INTEGERS)
    assert np.array_equal(mix, quantise(mixture))
    assert np.array_equal(vocals, quantise(offline(mixture, 48_000)))
    assert np.array_equal(vocals + instrumental, mix)


async def test_what_saturates_in_integers_is_clipped_and_counted(client: Client, name: str) -> None:
    rng = np.random.default_rng(4)
    mixture = np.sign(rng.normal(size=(2, 50_000))).astype(np.float32)
    states: list[dict[str, object]] = []
    heard = await listened_and_counted(client, name, mixture, states)
    vocals, instrumental, mix = (joined(heard[one]).astype(np.int32) for one in INTEGERS)
    wanted = mix - vocals
    saturated = (wanted < -32_768) | (wanted > 32_767)
    assert saturated.any(), "a test of saturation needs some"
    assert np.array_equal(instrumental, np.clip(wanted, -32_768, 32_767))
    assert states[-1]["saturated"] == np.count_nonzero(saturated[:, : int(str(states[-1]["given"]))])


async def listened_and_counted(
    client: Client, name: str, mixture: Float32Array, states: list[dict[str, object]]
) -> dict[Wanted, list[StemBlock]]:
    """As `separated`, and the stream's status seen just before its end."""

    async def watch() -> None:
        while True:
            streams = [s for s in (await client.status())["streams"] if s["stream"] == name]
            states.extend(streams)
            if states and not streams:
                return

    watching = asyncio.create_task(watch())
    heard = await separated(client, name, mixture, INTEGERS, rate=44_100)
    await asyncio.wait_for(watching, 10)
    return heard


async def test_streams_side_by_side_do_not_touch_each_other(client: Client, name: str) -> None:
    mixtures = {48_000: recording(60_000, 48_000, seed=5), 44_100: recording(55_000, 44_100, 1, seed=6)}
    both = await asyncio.gather(
        *(separated(client, f"{name}-{rate}", m, (VOCALS, MIX), rate=rate) for rate, m in mixtures.items())
    )
    for (rate, mixture), heard in zip(mixtures.items(), both, strict=True):
        assert np.array_equal(joined(heard[VOCALS]), offline(mixture, rate))
        assert np.array_equal(joined(heard[MIX]), mixture)


async def test_a_name_used_again_gives_the_same_stems_again(client: Client, name: str) -> None:
    mixture = recording(40_000, 44_100, seed=8)
    runs = [await separated(client, name, mixture, (VOCALS,), rate=44_100) for _ in range(2)]
    first, second = (run[VOCALS] for run in runs)
    assert np.array_equal(joined(first), joined(second))
    assert first[0].header.incarnation != second[0].header.incarnation


async def test_what_a_source_skips_is_a_gap(client: Client, name: str) -> None:
    """Longer than the stream's window: a source that tells of a gap is granted what follows it."""
    before, after = recording(9_000, 44_100, seed=9), recording(12_000, 44_100, seed=10)
    skipped = 150_000
    async with asyncio.timeout(10), client.subscribe(name, "mix", delivery="lossless", credit=1_000) as sub:
        async with client.open(name, rate=44_100, block=1_000, timing="free", plan=WIRE_PLAN) as stream:
            await stream.send(before)
            await stream.gap(skipped)
            await stream.send(after)
        heard = [block async for block in sub]
    assert stream.refused == 0, list(stream.faults)
    silence = np.zeros((2, skipped), np.float32)
    assert np.array_equal(joined(heard), np.concatenate([before, silence, after], axis=1))
    flagged = {b.header.position for b in heard if "gap" in b.header.flags}
    assert flagged == {b.header.position for b in heard if 9_000 <= b.header.position < 159_000}


async def test_a_stream_may_end_in_a_gap(client: Client, name: str) -> None:
    mixture = recording(9_000, 44_100, seed=9)
    async with asyncio.timeout(10), client.subscribe(name, "mix", delivery="lossless", credit=1_000) as sub:
        async with client.open(name, rate=44_100, block=1_000, timing="free", plan=WIRE_PLAN) as stream:
            await stream.send(mixture)
            await stream.gap(4_321)
        heard = [block async for block in sub]
    assert (stream.refused, (await stream.close()).position) == (0, 13_321)
    assert np.array_equal(joined(heard)[:, :9_000], mixture)
    assert not joined(heard)[:, 9_000:].any()
