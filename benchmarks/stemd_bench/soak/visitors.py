"""Listeners that come and go, in a process of their own: `python -m stemd_bench.soak.visitors ADDRESS STREAM`.

Ends when stdin is closed, and prints how many visits there were.
"""

import asyncio
import sys
from random import Random
from typing import Final

from stemd.audio import Format
from stemd.errors import StemdError
from stemd.protocol import Delivery
from stemd_client import Client

VISITORS: Final = 3
_STEMS: Final = ("vocals", "instrumental", "mix", "out")
_STAYS: Final = (0.2, 5.0)  # seconds, at least and at most


async def main(address: str, stream: str) -> int:
    """How many visits there were."""
    over = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read).add_done_callback(lambda _: over.set())
    async with Client(address, "visitors") as client:
        visits = await asyncio.gather(*(_come_and_go(client, stream, Random(n), over) for n in range(VISITORS)))
    return sum(visits)


async def _come_and_go(client: Client, stream: str, random: Random, over: asyncio.Event) -> int:
    visits = 0
    while not over.is_set():
        stem = random.choice(_STEMS)
        delivery: Delivery = random.choice(("live", "lossless"))
        fmt: Format = random.choice(("f32le", "s16le"))
        try:
            async with asyncio.timeout(random.uniform(*_STAYS)):
                async with client.subscribe(stream, stem, delivery=delivery, format=fmt, credit=256) as heard:
                    async for _ in heard:
                        if over.is_set():
                            break
                    else:
                        over.set()  # the stream has ended
        except TimeoutError:
            pass
        except StemdError as exc:
            if not over.is_set():
                raise StemdError(f"a listener of {stem!r} was let down: {exc}") from exc
        visits += 1
        await asyncio.sleep(random.uniform(0.0, 0.5))
    return visits


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2])))
