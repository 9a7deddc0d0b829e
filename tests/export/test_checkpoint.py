"""The checkpoint reader against bundles that are written here, from the formats' descriptions."""

import contextlib
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stemd_export.errors import ExportError
from stemd_export.spleeter.checkpoint import read_bundle

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}
Arrays = dict[str, npt.NDArray[Any]]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def entry(array: npt.NDArray[Any], offset: int) -> bytes:
    # As protobuf does, zeros are left out; field 6 is a checksum that has a wire type of its own.
    dims = b"".join(field(2, field(1, n) if n else b"") for n in array.shape)
    parts = field(1, TYPES[array.dtype.name]) + field(2, dims)
    parts += (field(4, offset) if offset else b"") + (field(5, array.nbytes) if array.nbytes else b"")
    return parts + varint(6 << 3 | 5) + b"\xde\xad\xbe\xef"


def block(items: list[tuple[bytes, bytes]], interval: int, compression: int = 0) -> bytes:
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(items):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    out += b"".join(struct.pack("<I", r) for r in restarts) + struct.pack("<I", len(restarts))
    return bytes(out) + bytes([compression]) + b"\0\0\0\0"


def table(items: list[tuple[bytes, bytes]], interval: int, per_block: int, compression: int = 0) -> bytes:
    out, places = bytearray(), []
    for i in range(0, len(items), per_block):
        raw = block(items[i : i + per_block], interval, compression)
        places.append((items[min(i + per_block, len(items)) - 1][0], varint(len(out)) + varint(len(raw) - 5)))
        out += raw
    handles = b""
    for raw in (block([], 1), block(places, 1)):
        handles += varint(len(out)) + varint(len(raw) - 5)
        out += raw
    return bytes(out) + handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def bundle(arrays: Arrays, interval: int = 16, per_block: int = 1000, **header: Any) -> tuple[bytes, bytes]:
    data, items = b"", [(b"", header.get("header", field(1, 1) + field(3, field(1, 1))))]
    for name in sorted(arrays):
        items.append((name.encode(), entry(arrays[name], len(data)) + header.get("more", b"")))
        data += arrays[name].tobytes()
    return table(items, interval, per_block, header.get("compression", 0)), data


def some_arrays(seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    found: Arrays = {"global_step": np.array(1_500_000, np.int64), "empty": np.zeros((0, 3), np.float32)}
    for i in range(40):
        shape = tuple(random.integers(1, 6, random.integers(0, 5)))
        dtype = list(TYPES)[random.integers(len(TYPES))]
        layer = ["conv2d", "conv2d_transpose", "batch_normalization"][i % 3]
        found[f"{layer}_{i}/kernel"] = (random.standard_normal(shape) * 100).astype(dtype)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("interval", "per_block"), [(1, 1), (2, 3), (16, 7), (16, 1000)])
def test_every_tensor_comes_back_as_it_was_written(seed: int, interval: int, per_block: int) -> None:
    arrays = some_arrays(seed)
    found = read_bundle(*bundle(arrays, interval, per_block))
    assert list(found) == sorted(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


def test_no_damage_raises_anything_but_an_export_error() -> None:
    index, data = bundle({"a": np.ones((3, 4), np.float32), "b/kernel": np.arange(5)}, 2, 2)
    for end in range(len(index)):
        with pytest.raises(ExportError):
            read_bundle(index[:end], data)
    for at in range(len(index)):
        # Some flips hit padding, a checksum or a name, and then there is nothing to notice.
        with contextlib.suppress(ExportError):
            read_bundle(index[:at] + bytes([index[at] ^ 0xFF]) + index[at + 1 :], data)


def test_data_that_ends_too_early_is_refused_by_name() -> None:
    index, data = bundle({"conv2d/kernel": np.ones((3, 4), np.float32)})
    with pytest.raises(ExportError, match="'conv2d/kernel'"):
        read_bundle(index, data[:-1])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"header": field(1, 2)}, "2 shards"),
        ({"header": field(1, 1) + field(2, 1)}, "big-endian: True"),
        ({"more": field(7, b"\x0a\x00")}, "partitioned"),
        ({"compression": 1}, "compressed"),
    ],
)
def test_what_is_not_understood_is_named(how: dict[str, Any], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        read_bundle(*bundle({"a": np.ones(3, np.float32)}, **how))


def test_a_type_that_is_no_number_is_refused() -> None:
    index, data = bundle({"a": np.ones(3, np.float32)})
    text = index.replace(field(1, 1) + field(2, field(2, field(1, 3))), field(1, 7) + field(2, field(2, field(1, 3))))
    with pytest.raises(ExportError, match="type 7"):
        read_bundle(text, data)


def test_another_file_is_not_taken_for_an_index() -> None:
    with pytest.raises(ExportError, match="not the index"):
        read_bundle(b"RIFF" * 100, b"")
