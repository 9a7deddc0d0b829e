"""Fuzzes what strangers can send: the codec of the wire, guided by coverage. `make fuzz` runs it for an hour.

    python tests/fuzz/codec.py [SEEDS] -max_total_time=3600

The laws: whatever the bytes, either a message comes out, or a ProtocolError of one line; a message that came out goes
back to frames that say the same; and no header takes more memory or time than its size allows.
"""

import sys
import time
import tracemalloc
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stemd", "msgpack"]):
    from stemd import protocol
    from stemd.errors import ProtocolError

GOLDEN = Path(__file__).parent.parent / "protocol" / "golden"
SLOWEST = 1.0  # seconds for one message, instrumented, on a machine that does other things too
LARGEST = 64 * 2**20  # bytes of memory for one message


def frames_of(data: bytes) -> list[bytes]:
    """Up to six frames, each behind its length in two bytes."""
    frames: list[bytes] = []
    while len(data) >= 2 and len(frames) < 6:
        length = int.from_bytes(data[:2], "big")
        frames.append(data[2 : 2 + length])
        data = data[2 + length :]
    return frames


def seeds(folder: Path) -> None:
    """The golden messages, as this fuzzer takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in GOLDEN.glob("*.hex"):
        frames: list[bytes] = []
        for line in file.read_text("utf-8").splitlines():
            text = line.partition("#")[0].strip()
            if text and not set(text.replace(" ", "")) <= set("0123456789abcdef"):
                frames.append(b"")
            elif text:
                frames[-1] += bytes.fromhex(text)
        (folder / file.stem).write_bytes(b"".join(len(f).to_bytes(2, "big") + f for f in frames))


def check(data: bytes) -> None:
    """One input."""
    frames = frames_of(data)
    began = time.monotonic()
    tracemalloc.reset_peak()
    for parse in (protocol.from_client, protocol.from_daemon):
        try:
            message, pcm = parse(frames)
        except ProtocolError as error:
            refusals = str(error).splitlines()
            assert len(refusals) == 1, refusals
            continue
        again, same = parse(protocol.to_frames(message, bytes(pcm)))
        assert repr(again) == repr(message)  # NaN is not itself
        assert bytes(same) == bytes(pcm)
    protocol.request_of(frames)
    assert time.monotonic() - began < SLOWEST
    assert tracemalloc.get_traced_memory()[1] < LARGEST


def main() -> None:
    """Fuzz until it is told to stop, or a law breaks."""
    folder = Path(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else Path("build/fuzz")
    seeds(folder)
    tracemalloc.start()
    atheris.Setup([*sys.argv, str(folder)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
