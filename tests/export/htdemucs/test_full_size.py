"""One network of the published size, seeded: the limits that the export promises, and the law through the daemon."""

import asyncio
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from demucs.apply import apply_model

from stemd.protocol import Plan
from stemd_client import Client
from stemd_export.cli import run
from stemd_export.htdemucs.bag import load
from stemd_export.htdemucs.seeded import PUBLISHED, write_bag
from tests.end_to_end.process import running
from tests.end_to_end.reference import recording
from tests.end_to_end.streaming import collect, headers_are_in_order, joined, send

pytestmark = pytest.mark.slow
RATE = 44_100


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bag"), "htdemucs", PUBLISHED, ("955717e8",), None)


@pytest.mark.parametrize(
    ("options", "name", "megabytes", "snr"),
    [
        ((), "htdemucs", 185, 110),
        (("--fp16",), "htdemucs-fp16", 95, 110),
        (("--int8",), "htdemucs-int8", 95, 50),
        (("--portable",), "htdemucs-portable", 200, 110),
    ],
)
def test_what_is_promised_of_a_graph(
    bag: Path, tmp_path: Path, options: tuple[str, ...], name: str, megabytes: float, snr: float
) -> None:
    assert run(["htdemucs", "--repo", str(bag), "--out", str(tmp_path), "--stem", "vocals", *options]) == 0
    (row,) = json.loads((tmp_path / name / "parity.json").read_text())["stems"]
    assert row["megabytes"] <= megabytes
    assert row["snr_db"] >= snr
    if "--portable" not in options:
        assert row["nodes"] <= 2_000
        assert len(onnx.load(tmp_path / name / row["file"]).graph.node) == row["nodes"]
    if snr >= 110:
        assert row["max_abs_diff"] <= (1e-4 if "--portable" in options else 1e-5)


async def test_through_the_daemon_a_stem_is_the_networks_tail_included(bag: Path, tmp_path: Path) -> None:
    assert run(["htdemucs", "--repo", str(bag), "--out", str(tmp_path), "--stem", "vocals"]) == 0
    mixture = recording(9 * RATE + 1_234, RATE)
    network, _ = load("htdemucs", bag)
    with torch.inference_mode():
        expected = apply_model(network, torch.from_numpy(mixture)[None], shifts=0, split=True, overlap=0.25)[0, 3]
    config = {"plan": "", "models": {"folders": [str(tmp_path)]}, "plans": {}}
    with running(config) as daemon:
        async with (
            asyncio.timeout(300),
            Client(daemon.address) as client,
            client.subscribe("song", "vocals", delivery="lossless", credit=64) as subscription,
        ):
            heard = asyncio.create_task(collect(subscription))
            async with client.open(
                "song", rate=RATE, channels=2, model="htdemucs", timing="free", block=6_000
            ) as stream:
                assert stream.opened.plan == Plan(343_980, 257_985, 85_995, 0)
                await send(stream, mixture, "random")
            blocks = await heard
    headers_are_in_order(blocks, mixture.shape[1])
    error = np.abs(joined(blocks) - expected.numpy()).max()
    assert error <= 1e-4 * expected.abs().max().item()
