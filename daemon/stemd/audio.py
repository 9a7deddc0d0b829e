"""Samples: the one shape that is used inside, and the formats that devices, files and the wire use.

Inside, audio is float32 of shape (channels, frames), full scale at 1.0. Outside it is interleaved PCM,
little-endian float32 or 16-bit integers; the conversion happens here and nowhere else.
"""

from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Float32Array: TypeAlias = npt.NDArray[np.float32]
Int16Array: TypeAlias = npt.NDArray[np.int16]
Complex64Array: TypeAlias = npt.NDArray[np.complex64]

Format = Literal["f32le", "s16le"]
BYTES_PER_SAMPLE: Final[dict[Format, int]] = {"f32le": 4, "s16le": 2}

MIN_RATE: Final = 8_000
MAX_RATE: Final = 192_000
MAX_CHANNELS: Final = 2


def quantise(samples: Float32Array) -> Int16Array:
    """Round float samples to 16 bit: half to even, saturating, without dither. Any shape, which is kept."""
    scaled = np.rint(samples * np.float32(32_768))
    integers: Int16Array = np.clip(scaled, -32_768, 32_767).astype(np.int16)
    return integers


def dequantise(samples: Int16Array) -> Float32Array:
    """16-bit samples as float32 in [-1, 1), exactly. Any shape, which is kept."""
    return samples.astype(np.float32) * np.float32(1 / 32_768)


def decode_pcm(pcm: bytes | memoryview, channels: int, fmt: Format) -> Float32Array:
    """Interleaved PCM as float32 (channels, frames); a contiguous copy.

    Raises:
        ValueError: `pcm` is not a whole number of frames.
    """
    frame = channels * BYTES_PER_SAMPLE[fmt]
    if len(pcm) % frame:
        raise ValueError(f"{len(pcm)} bytes are not a whole number of {frame}-byte frames")
    if fmt == "s16le":
        return np.ascontiguousarray(dequantise(np.frombuffer(pcm, "<i2").reshape(-1, channels)).T)
    return np.array(np.frombuffer(pcm, "<f4").reshape(-1, channels).T, np.float32, order="C")


def encode_pcm(samples: Float32Array | Int16Array, fmt: Format) -> bytes:
    """Samples (channels, frames) as interleaved PCM; int16 samples go into `s16le` untouched.

    Raises:
        ValueError: int16 samples were to become `f32le`; dequantise them first.
    """
    if fmt == "s16le":
        integers = samples if samples.dtype == np.int16 else quantise(np.asarray(samples, np.float32))
        return np.ascontiguousarray(integers.T, "<i2").tobytes()
    if samples.dtype == np.int16:
        raise ValueError("int16 samples cannot be sent as f32le")
    return np.ascontiguousarray(samples.T, "<f4").tobytes()
