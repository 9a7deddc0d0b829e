"""A free stream with a slow network, in the same daemon: as much of its work as the daemon lets go on.

`python -m stemd_bench.live.beside ADDRESS MODEL` feeds and listens until stdin is closed; `... write FOLDER [narrow]`
writes that model, HT-Demucs' architecture with seeded weights.
"""

import asyncio
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from stemd.errors import StemdError
from stemd_bench.live.setting import last_line
from stemd_client import Client, Stream, Subscription

STREAM: Final = "beside"
STEM: Final = "vocals"
MODEL: Final = "htdemucs-seeded"
_RATE: Final = 44_100
_SIGNATURE: Final = "04573f0d"


def write(folder: Path, *, narrow: bool) -> None:
    """Export one specialist for the vocals into a folder of models; needs the extra `export`."""
    from stemd_export.htdemucs.export import export_htdemucs  # noqa: PLC0415 - PyTorch takes seconds
    from stemd_export.htdemucs.facts import Flavour  # noqa: PLC0415
    from stemd_export.htdemucs.seeded import NARROW, PUBLISHED, write_bag  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
        architecture = NARROW if narrow else PUBLISHED
        bag = write_bag(Path(name), MODEL, architecture, (_SIGNATURE,), None)
        export_htdemucs(MODEL, folder, Flavour(), repo=bag, stems=(STEM,), progress=lambda *_: None)


def write_apart(folder: Path, *, narrow: bool) -> str:
    """The same in a process of its own, which takes PyTorch away with it, into a new folder; why it could not be."""
    folder.mkdir()
    command = [sys.executable, "-m", __name__, "write", str(folder), *(["narrow"] if narrow else [])]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if not done.returncode:
        return ""
    return f"{last_line(done.stderr)}; HT-Demucs takes the extra: pip install 'stemd[export]'"


class _OverError(Exception):
    """Stdin was closed."""


async def feed(address: str, model: str) -> None:
    """Keep the network busy until stdin is closed."""
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    async with Client(address, STREAM) as client, client.subscribe(STREAM, STEM, delivery="lossless") as heard:
        listening = asyncio.create_task(_listen(heard))
        with suppress(_OverError):
            async with client.open(STREAM, rate=_RATE, channels=2, block=4_410, timing="free", model=model) as stream:
                feeding = asyncio.create_task(_send(stream))
                await asyncio.wait([over, feeding, listening], return_when=asyncio.FIRST_COMPLETED)
                if not over.done():
                    raise StemdError("the stream beside ended by itself")
                feeding.cancel()
                raise _OverError  # else leaving would wait for all that is inside
        listening.cancel()
        await asyncio.gather(feeding, listening, return_exceptions=True)


async def _send(stream: Stream) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 4_410)).astype(np.float32)
    while True:
        await stream.send(noise)


async def _listen(heard: Subscription) -> None:
    async for _ in heard:
        pass


def main() -> None:
    """See the module."""
    words = sys.argv[1:]
    if words[0] == "write":
        write(Path(words[1]), narrow="narrow" in words)
        return
    asyncio.run(feed(words[0], words[1]))


if __name__ == "__main__":
    main()
