"""Holds a stream of noise open, in bypass, until standard input is closed: `python player.py ADDRESS`."""

import sys

import numpy as np

from stemd_client.sync import Client


def play(address: str) -> None:
    with Client(address) as client, client.open("noisy", rate=44_100, timing="free") as stream:
        stream.send(np.random.default_rng(0).normal(0, 0.1, (2, 200_000)).astype(np.float32))
        client.set_mixer("noisy", bypass=True)
        sys.stdin.read()


if __name__ == "__main__":
    play(sys.argv[1])
