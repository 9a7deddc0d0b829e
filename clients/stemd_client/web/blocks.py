"""A block of a stem as browsers get it: a header of 32 bytes, then interleaved samples, all little-endian."""

import struct
from typing import Final

from stemd.audio import Format, encode_pcm
from stemd.protocol import Stem
from stemd_client.subscription import StemBlock

HEADER: Final = struct.Struct("<BBBBIQIIII")
_VERSION: Final = 1
_FORMATS: Final[dict[str, int]] = {"f32le": 0, "s16le": 1}
_FLAGS: Final = {"start": 1, "gap": 2, "degraded": 4}


def encode(block: StemBlock, fmt: Format, epoch: int, dropped: int) -> bytes:
    """The bytes of a block.

    In order: version 1, format (0 f32le, 1 s16le), channels, flags (1 start, 2 gap, 4 degraded), one byte each; rate,
    four bytes; position of the first frame, eight; frames, latency in frames, epoch, dropped, four each.

    Args:
        block: float32, (channels, frames).
        fmt: of the samples that follow.
        epoch: grows by one whenever positions begin anew.
        dropped: blocks that this listener did not get so far.
    """
    header: Stem = block.header
    flags = sum(_FLAGS.get(flag, 0) for flag in header.flags)
    head = HEADER.pack(
        _VERSION,
        _FORMATS[fmt],
        header.channels,
        flags,
        header.rate,
        header.position,
        header.frames,
        min(header.latency, 0xFFFF_FFFF),
        epoch & 0xFFFF_FFFF,
        min(dropped, 0xFFFF_FFFF),
    )
    return head + encode_pcm(block.samples, fmt)
