"""The one function of libobs that its Python bindings do not give: samples into a source."""

import ctypes
import os
from typing import Final

import numpy as np

from stemd.audio import Float32Array

_PLANES: Final = 8  # MAX_AV_PLANES
_FLOAT_PLANAR: Final = 8  # AUDIO_FORMAT_FLOAT_PLANAR


class _SourceAudio(ctypes.Structure):
    """`struct obs_source_audio` of obs.h, and room for what later versions may append."""

    _fields_ = (
        ("data", ctypes.c_void_p * _PLANES),
        ("frames", ctypes.c_uint32),
        ("speakers", ctypes.c_int),
        ("format", ctypes.c_int),
        ("samples_per_sec", ctypes.c_uint32),
        ("timestamp", ctypes.c_uint64),
        ("later", ctypes.c_uint64 * 4),
    )


class SourceOutput:
    """Gives samples to a source; may be called from any thread while the source is held.

    Args:
        source: the address of an `obs_source_t` of the OBS that this runs in.
    """

    def __init__(self, source: int) -> None:
        self._source = ctypes.c_void_p(source)
        # On Windows names are looked up by library, elsewhere in the whole process, whatever libobs is called.
        self._output = ctypes.CDLL("obs.dll" if os.name == "nt" else None).obs_source_output_audio
        self._output.argtypes = (ctypes.c_void_p, ctypes.POINTER(_SourceAudio))
        self._output.restype = None

    def __call__(self, samples: Float32Array, rate: int, due_ns: int) -> None:
        """Hand over samples (channels, frames), which OBS copies, due at a time of the monotonic clock in ns."""
        planes = np.ascontiguousarray(samples, np.float32)
        channels, frames = planes.shape
        audio = _SourceAudio(
            frames=frames, speakers=channels, format=_FLOAT_PLANAR, samples_per_sec=rate, timestamp=due_ns
        )
        for channel in range(channels):
            audio.data[channel] = planes[channel].ctypes.data
        self._output(self._source, ctypes.byref(audio))
