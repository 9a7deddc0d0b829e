"""A program that somebody wrote for 0.1.0: all that a client says to a daemon, and what it hears.

    python session.py ADDRESS STREAM SONG.npy OUT.npz

It runs with whichever stemd is on the path, and prints what it was told, as JSON.
"""

import asyncio
import json
import sys

import numpy as np

import stemd
from stemd_client import Client, Plan

RATE = 44_100
PLAN = Plan(65_536, 22_528, 1_024, 8_192)


async def heard(subscription):
    """The samples of a subscription and the flags of its blocks."""
    blocks = [block async for block in subscription]
    return np.concatenate([block.samples for block in blocks], axis=1), sorted(
        {flag for block in blocks for flag in block.header.flags}
    )


async def session(address, name, song):
    """Feed a song, hear it in every way, turn every knob; what was told, and the samples by subscription."""
    told = {"version": stemd.__version__, "code": stemd.__file__}
    async with Client(address, "an old friend") as client, asyncio.timeout(60):
        told["daemon"], told["major"] = client.welcome.daemon, client.welcome.major
        told["clock"] = (await client.ping()).round_trip_ns > 0
        wanted = {
            "vocals": client.subscribe(name, "vocals", delivery="lossless", credit=64),
            "instrumental": client.subscribe(name, "instrumental", format="s16le", delivery="lossless", credit=64),
            "out": client.subscribe(name, "out", delivery="lossless", credit=64),
            "mix": client.subscribe(name, "mix", delivery="live", credit=4_096),
        }
        for subscription in wanted.values():
            await subscription.__aenter__()
        tasks = {key: asyncio.create_task(heard(subscription)) for key, subscription in wanted.items()}
        async with client.open(name, rate=RATE, block=1_024, timing="free", plan=PLAN) as stream:
            told["latency"], told["model"] = stream.opened.latency, stream.opened.model
            await stream.set_gain(vocals=0.5)
            await client.set_mixer(name, wet=0.75, mute=["rest"])
            state = await client.status()
            told["streams"] = [one["stream"] for one in state["streams"]]
            await stream.send(song)
        samples = {key: await task for key, task in tasks.items()}
        told["flags"] = {key: flags for key, (_, flags) in samples.items()}
        told["left"] = [one["stream"] for one in (await client.status())["streams"]]
    return told, {key: array for key, (array, _) in samples.items()}


def main():
    address, name, song, out = sys.argv[1:]
    told, samples = asyncio.run(session(address, name, np.load(song)))
    np.savez(out, **samples)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
