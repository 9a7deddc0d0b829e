"""What a graph would read besides its own file: weights that lie in other files, which no digest covers.

An ONNX file is a protocol buffer. Only the fields that lead to tensors are followed, by their numbers in onnx.proto3;
all others are stepped over, so that a file of hundreds of megabytes takes milliseconds, without the package `onnx`.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stemd.errors import ModelLoadError

# What each message holds that may hold tensors: by field, the message that is there.
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_LOCATION: Final = 14  # of a tensor's weights: 0 where they are in it
_FIXED: Final = {1: 8, 5: 4}  # bytes of a value, by wire type
_LONGEST_VARINT: Final = 10  # bytes
_VARINT_BITS: Final = 64
_TAG_BITS: Final = 32


class _DamagedError(Exception):
    """The file ends in the middle of something, or holds what onnx.proto3 does not."""


def check_inside(path: Path) -> None:
    """Refuse a graph that keeps weights in other files.

    Raises:
        ModelLoadError: it does, or it is no graph.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            outside = _is_outside(data)
    except (OSError, ValueError, _DamagedError) as exc:  # an empty file cannot be mapped
        raise ModelLoadError(f"{path}: is no graph in ONNX; fetch or export the model again") from exc
    if outside:
        raise ModelLoadError(
            f"{path}: keeps weights in a second file, which no digest covers; join them first: "
            "onnx.save(onnx.load('IN.onnx'), 'OUT.onnx')"
        )


def _is_outside(data: mmap.mmap) -> bool:
    """Whether a tensor says that its weights are elsewhere, or where."""
    waiting = [("model", 0, len(data))]
    while waiting:
        message, start, stop = waiting.pop()
        if message == "entry":
            return True
        inside = _INSIDE[message]
        for field, value, length in _fields(data, start, stop):
            if message == "tensor" and field == _LOCATION and (length or value):
                return True
            if field in inside and length is not None:
                waiting.append((inside[field], value, value + length))
    return False


def _fields(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int | None]]:
    """The fields of a message in `[start, stop)`: number, and value and None, or where its bytes are and how many."""
    at = start
    while at < stop:
        tag, at = _varint(data, at, stop, _TAG_BITS)
        field, kind = tag >> 3, tag & 7
        if field == 0:
            raise _DamagedError
        if kind == 0:
            value, at = _varint(data, at, stop)
            yield field, value, None
        elif kind == 2:
            length, at = _varint(data, at, stop)
            yield field, at, length
            at += length
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise _DamagedError
    if at != stop:
        raise _DamagedError


def _varint(data: mmap.mmap, at: int, stop: int, bits: int = _VARINT_BITS) -> tuple[int, int]:
    """A number in protocol buffers' way, and where it ends.

    Other readers drop what is above its bits, and not all allow it zeros in front: nobody writes the one or the other.
    """
    number = 0
    for shift in range(_LONGEST_VARINT):
        if at + shift >= stop:
            break
        byte = data[at + shift]
        number |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            if number >> bits or (shift and not byte):
                break
            return number, at + shift + 1
    raise _DamagedError
