"""Reads TensorFlow's tensor bundle (a "V2" checkpoint) without TensorFlow.

A bundle is two files. `.index` is a sorted string table in LevelDB's layout (blocks of prefix-compressed
keys, each followed by a compression byte and a checksum; a 48-byte footer points at the index block) whose
values are protocol buffers; `.data-00000-of-00001` holds the tensors' bytes. Source of the formats:
tensorflow/core/protobuf/tensor_bundle.proto and LevelDB's doc/table_format.md.
Checksums are not verified: the caller pins the files by sha256.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemd_export.errors import ExportError

Tensors: TypeAlias = dict[str, npt.NDArray[Any]]

_FOOTER: Final = 48
_MAGIC: Final = 0xDB4775248B80FB57
# Numbers from tensorflow/core/framework/types.proto; a checkpoint of weights holds no others.
_DTYPES: Final[dict[int, str]] = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}


def read_bundle(index: bytes, data: bytes) -> Tensors:
    """Every tensor of a one-shard bundle by name, as read-only views into `data`.

    Args:
        index: the bytes of the `.index` file.
        data: the bytes of the only `.data-00000-of-00001` file.

    Raises:
        ExportError: this is no bundle, it is damaged, or it uses what is not understood here
            (several shards, big-endian numbers, compressed blocks, partitioned tensors, other types).
    """
    try:
        entries = dict(_entries(index))
        _check_header(_fields(entries.pop(b"")))
        return {key.decode(): _tensor(key.decode(), _fields(value), data) for key, value in entries.items()}
    except (IndexError, KeyError, ValueError, struct.error) as exc:
        raise ExportError(f"the checkpoint's index is damaged ({exc!r}); fetch it again") from exc


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ExportError("this is not the index of a TensorFlow checkpoint (wrong magic number)")
    at = 0
    for _ in range(2):  # the meta-index block's place comes first and is not needed
        _, at = _varint(footer, at)
    for _, place in _block(table, *_place(footer, at)):
        yield from _block(table, *_place(place, 0))


def _place(raw: bytes, at: int) -> tuple[int, int]:
    offset, at = _varint(raw, at)
    size, _ = _varint(raw, at)
    return offset, size


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if table[offset + size] != 0:
        raise ExportError("the checkpoint's index is compressed, which is not understood here")
    block = table[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 - 4 * restarts
    key, at = b"", 0
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + length]
        at += length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(message: bytes) -> dict[int, list[Any]]:
    """A protocol buffer's fields by number; the wire types are those of protobuf's encoding guide."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        value: Any
        if wire == 0:
            value, at = _varint(message, at)
        elif wire == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
            value, at = int.from_bytes(message[at : at + length], "little"), at + length
        else:
            raise ValueError(f"wire type {wire}")
        found.setdefault(number, []).append(value)
    return found


def _check_header(header: dict[int, list[Any]]) -> None:
    shards, big_endian = header.get(1, [0])[0], header.get(2, [0])[0]
    if shards != 1 or big_endian:
        raise ExportError(f"a checkpoint of {shards} shards, big-endian: {bool(big_endian)}, is not understood here")


def _tensor(name: str, entry: dict[int, list[Any]], data: bytes) -> npt.NDArray[Any]:
    number = entry.get(1, [0])[0]
    if 7 in entry or number not in _DTYPES:
        raise ExportError(f"tensor {name!r} is partitioned or of type {number}, which is not understood here")
    dims = _fields(entry.get(2, [b""])[0]).get(2, [])
    shape = tuple(_fields(dim).get(1, [0])[0] for dim in dims)
    offset, size = entry.get(4, [0])[0], entry.get(5, [0])[0]
    dtype = np.dtype(_DTYPES[number])
    if size != dtype.itemsize * math.prod(shape) or offset + size > len(data):
        raise ExportError(f"tensor {name!r} of shape {shape} does not fit its {size} bytes at {offset} of {len(data)}")
    return np.frombuffer(data, dtype, math.prod(shape), offset).reshape(shape)
