"""HT-Demucs-ft through the daemon: what listeners get is demucs' own `apply_model` on the bag, tail included."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from demucs.apply import apply_model

from stemd.audio import Float32Array
from stemd_client import Client
from stemd_export.cli import run
from stemd_export.htdemucs.bag import load
from stemd_export.htdemucs.seeded import NARROW, SOURCES, write_bag
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.reference import recording
from tests.end_to_end.streaming import collect, headers_are_in_order, joined, send

RATE = 44_100
SEGMENT, HOP = 35_280, 26_460


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bag"), architecture=NARROW)


@pytest.fixture(scope="module")
def daemon(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It serves the four specialists, exported as anybody would."""
    models = tmp_path_factory.mktemp("models")
    assert run(["htdemucs_ft", "--repo", str(bag), "--out", str(models)]) == 0
    with running({"plan": "", "models": {"default": "htdemucs_ft", "folders": [str(models)]}}) as daemon:
        yield daemon


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.address) as client:
        yield client


async def streamed(client: Client, name: str, mixture: Float32Array, stems: tuple[str, ...]) -> dict[str, Float32Array]:
    """Every stem of a recording sent in uneven blocks, by the plan that the model has for those who name none."""
    async with asyncio.timeout(60):
        heard = [client.subscribe(name, stem, delivery="lossless", credit=64) for stem in stems]
        for one in heard:
            await one.__aenter__()
        tasks = [asyncio.create_task(collect(one)) for one in heard]
        async with client.open(name, rate=RATE, channels=2, timing="free", block=6_000) as stream:
            await send(stream, mixture, "random")
        blocks = dict(zip(stems, await asyncio.gather(*tasks), strict=True))
    for one in blocks.values():
        headers_are_in_order(one, mixture.shape[1])
    return {stem: joined(one) for stem, one in blocks.items()}


def offline(bag: Path, mixture: Float32Array) -> dict[str, Float32Array]:
    """Demucs' own estimate from the whole bag."""
    networks, _ = load("htdemucs_ft", bag)
    with torch.inference_mode():
        out = apply_model(networks, torch.from_numpy(mixture)[None], shifts=0, split=True, overlap=0.25)[0]
    return {stem: out[i].numpy() for i, stem in enumerate(networks.sources)}


@pytest.mark.parametrize("length", [3 * HOP + 12_345, SEGMENT, 2 * HOP + 1, 7_000])
async def test_every_stem_is_the_bags_tail_included(client: Client, name: str, bag: Path, length: int) -> None:
    mixture = recording(length, RATE, seed=length)
    found, expected = await streamed(client, name, mixture, SOURCES), offline(bag, mixture)
    for stem in SOURCES:
        error = np.abs(found[stem] - expected[stem]).max()
        assert error <= 1e-4 * np.abs(expected[stem]).max(), stem


async def test_a_stem_costs_its_own_specialist_alone(client: Client, name: str) -> None:
    async with asyncio.timeout(60):
        subscription = client.subscribe(name, "bass", delivery="lossless", credit=64)
        await subscription.__aenter__()
        task = asyncio.create_task(collect(subscription))
        async with client.open(name, rate=RATE, channels=2, timing="free", block=6_000) as stream:
            await send(stream, recording(2 * SEGMENT, RATE), 6_000)
            status = next(one for one in (await client.status())["streams"] if one["stream"] == name)
        await task
    assert status["running"] == ["bass"]
