"""The tap: a PUB socket for listeners of five lines."""

import asyncio

import numpy as np
import zmq
import zmq.asyncio

from stemd.audio import decode_pcm
from stemd.protocol import Stem, from_daemon
from stemd_client import Client
from tests.end_to_end.process import folder, running
from tests.end_to_end.reference import WIRE_PLAN, offline, recording

RATE = 44_100


async def pending(client: Client, count: int) -> None:
    """Wait until the daemon knows of so many topics; ZeroMQ tells no SUB when it has arrived."""
    while len((await client.status())["pending"]) != count:  # noqa: ASYNC110 - the daemon has no event for it
        await asyncio.sleep(0.01)


async def heard(socket: zmq.asyncio.Socket) -> list[tuple[Stem, np.ndarray]]:
    """All blocks of one stream up to its end."""
    blocks: list[tuple[Stem, np.ndarray]] = []
    while True:
        _, *frames = await socket.recv_multipart()
        header, pcm = from_daemon(frames)
        assert isinstance(header, Stem)
        blocks.append((header, decode_pcm(pcm, header.channels, "f32le")))
        if "end" in header.flags:
            return blocks


async def test_the_tap_gives_a_stem_of_each_stream_of_a_name() -> None:
    with (
        folder() as place,
        running({"server": {"tap": f"ipc://{place}/tap"}}) as daemon,
        zmq.asyncio.Context() as context,
        context.socket(zmq.SUB) as socket,
    ):
        socket.connect(f"ipc://{place}/tap")
        socket.subscribe(b"desk/vocals/")
        async with asyncio.timeout(30), Client(daemon.address) as client:
            await pending(client, 1)
            for seed in (1, 2):
                mixture = recording(40_000, RATE, seed=seed)
                async with client.open("desk", rate=RATE, block=1_000, timing="free", plan=WIRE_PLAN) as stream:
                    await stream.send(mixture)
                blocks = await heard(socket)
                assert [h.position for h, _ in blocks] == [*range(0, 40_000, 1_000), 40_000]
                assert np.array_equal(np.concatenate([x for _, x in blocks], axis=1), offline(mixture, RATE))
            socket.unsubscribe(b"desk/vocals/")
            await pending(client, 0)


async def test_a_topic_that_cannot_be_disturbs_nobody() -> None:
    with (
        folder() as place,
        running({"server": {"tap": f"ipc://{place}/tap"}}) as daemon,
        zmq.asyncio.Context() as context,
        context.socket(zmq.SUB) as socket,
    ):
        socket.connect(f"ipc://{place}/tap")
        for topic in (b"", b"/", b"a b/c/", b"\xff" * 300, b"desk/no-such-stem/", b"desk/mix/"):
            socket.subscribe(topic)
        async with asyncio.timeout(30), Client(daemon.address) as client:
            await pending(client, 2)
            mixture = recording(10_000, RATE)
            async with client.open("desk", rate=RATE, block=1_000, timing="free", plan=WIRE_PLAN) as stream:
                await stream.send(mixture)
            assert np.array_equal(np.concatenate([x for _, x in await heard(socket)], axis=1), mixture)
