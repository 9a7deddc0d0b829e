"""A client to be killed: opens a stream, feeds it, says so, and waits for its end. Arguments: address, name, timing."""

import sys
import threading
from typing import get_args

import numpy as np

from stemd.protocol import Timing
from stemd_client import sync

BLOCK = 1_024
BLOCKS = 40


def main(address: str, name: str, wanted: str) -> None:
    timing = next(timing for timing in get_args(Timing) if timing == wanted)
    with sync.Client(address, "victim") as client, client.open(name, rate=44_100, block=BLOCK, timing=timing) as stream:
        for _ in range(BLOCKS):
            stream.send(np.full((2, BLOCK), 0.25, np.float32))
        client.status()  # what was sent before has been dealt with
        print("sent", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
