"""How far two graphs of the same function are apart, measured in onnxruntime on the CPU."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# onnxruntime otherwise writes telemetry files below the cache folder as soon as it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Difference:
    """Largest and root-mean-square difference of two outputs, in the outputs' unit."""

    largest: float
    rms: float


def run(graph: bytes, *feeds: npt.NDArray[Any]) -> Array:
    """The first output of a graph for its inputs, in the graph's order."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    output: Array = session.run(None, dict(zip(names, feeds, strict=True)))[0]
    return output


def difference(reference: Array, found: Array) -> Difference:
    """Compare two arrays of one shape; not a number if anything in them is none."""
    delta = found.astype(np.float64) - reference
    return Difference(float(np.abs(delta).max()), float(np.sqrt(np.mean(delta**2))))


def probe_magnitude(frames: int, seed: int) -> Array:
    """A seeded stand-in for music's STFT magnitudes: float32 (1, 2, frames, 1024), frames a multiple of 16.

    Rayleigh-distributed bins (a Gaussian signal's), falling by 1/f from a few hundred as a 4096-point STFT of
    full-scale music does, with a loudness that is drawn anew every 16 frames within 40 dB.
    """
    random = np.random.default_rng(seed)
    bins = 300 / (1 + np.arange(1024) / 8)
    loudness = np.repeat(10 ** random.uniform(-2, 0, (1, 2, frames // 16, 1)), 16, axis=2)
    return (random.rayleigh(1.0, (1, 2, frames, 1024)) * bins * loudness).astype(np.float32)
