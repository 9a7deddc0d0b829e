"""Plays a stream at its pace in a process of its own, until its stdin is closed; then compares what it heard.

    python -m tests.end_to_end.faults.player ADDRESS

Says `played N` (frames) several times a second, and at last `fine`, or what is not. Where the machine held up the
player itself for so long that its blocks count as missing, nothing is compared, and the status is UNFIT.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress

import numpy as np

from stemd.dsp.mixing import residual
from stemd_client import Client, StemBlock, Stream, Subscription
from tests.end_to_end.faults.playing import BLOCK, LONGEST, RATE, STREAM, UNFIT
from tests.end_to_end.reference import WIRE_PLAN, offline, recording
from tests.end_to_end.streaming import headers_are_in_order, joined

STEMS = ("mix", "vocals", "instrumental")
SAY_EVERY = 10 * BLOCK
LATE = 0.05  # seconds that are worth a word
GRACE = 0.08  # who is later than this may be taken for absent, and his stream is no evidence
worst = [0.0]  # the latest block of all, in seconds


async def play(stream: Stream, enough: asyncio.Event) -> int:
    """Play a recording until it is enough, or over; how many frames were played."""
    mixture = recording(LONGEST * RATE, RATE, seed=3)
    began, played = time.monotonic(), 0
    while not enough.is_set() and played < mixture.shape[1]:
        await asyncio.sleep(began + played / RATE - time.monotonic())
        late = time.monotonic() - began - played / RATE
        worst[0] = max(worst[0], late)
        if late > LATE:
            print(f"at {played} the player was {1000 * late:.0f} ms late", flush=True)
        await stream.send(mixture[:, played : played + BLOCK])
        played += BLOCK
        if played % SAY_EVERY == 0:
            print("played", played, flush=True)
    return played


async def collect(subscription: Subscription) -> list[StemBlock]:
    return [block async for block in subscription]


async def perform(address: str) -> tuple[int, dict[str, list[StemBlock]]]:
    """Play and listen; how many frames were played, and what was heard of each stem."""
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, enough.set)
    async with Client(address, "player") as client:
        heard = [client.subscribe(STREAM, stem, delivery="lossless", credit=512) for stem in STEMS]
        for subscription in heard:
            await subscription.__aenter__()
        tasks = [asyncio.create_task(collect(subscription)) for subscription in heard]
        async with client.open(STREAM, rate=RATE, block=BLOCK, timing="realtime", plan=WIRE_PLAN) as stream:
            played = await play(stream, enough)
        loop.remove_reader(sys.stdin)
        return played, dict(zip(STEMS, await asyncio.gather(*tasks), strict=True))


def check(played: int, heard: dict[str, list[StemBlock]]) -> None:
    """The law: each block came, unflagged, and holds what the offline composition gives of it."""
    mixture = recording(LONGEST * RATE, RATE, seed=3)[:, :played]
    vocals = offline(mixture, RATE)
    expected = {"mix": mixture, "vocals": vocals, "instrumental": residual(mixture, [vocals])}
    for stem, blocks in heard.items():
        sounding = [block for block in blocks if block.header.frames]
        headers_are_in_order(sounding, played)
        flagged = [block.header for block in sounding if set(block.header.flags) - {"start"}]
        assert not flagged, f"{stem}: {len(flagged)} of {len(sounding)} blocks are flagged, first {flagged[0]}"
        assert np.array_equal(joined(sounding), expected[stem]), f"{stem} differs"


if __name__ == "__main__":
    with suppress(OSError):  # what is tested is the daemon, not who plays
        os.nice(-10)
    outcome = asyncio.run(perform(sys.argv[1]))
    if worst[0] > GRACE:
        sys.exit(UNFIT)
    check(*outcome)
    print("fine", flush=True)
