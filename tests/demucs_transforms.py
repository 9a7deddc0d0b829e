"""Demucs' own STFT and inverse, on arrays; what the laws of ours compare with.

They look at nothing of the network but its window and its hop, and compute in the precision of what they are given.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from demucs.htdemucs import HTDemucs

from stemd.audio import Float32Array

Array = npt.NDArray[Any]


def spec(mixture: Array, window: int) -> Array:
    """`_spec` and `_magnitude`: (channels, frames) to (2 * channels, bins, steps)."""
    network = _network(window)
    spectrum = HTDemucs._spec(network, torch.from_numpy(mixture)[None])
    out: Array = HTDemucs._magnitude(network, spectrum)[0].numpy()
    return out


def ispec(spectrogram: Array, frames: int, window: int) -> Array:
    """`_mask` and `_ispec`: (2 * channels, bins, steps) to (channels, frames)."""
    network = _network(window)
    spectrum = HTDemucs._mask(network, None, torch.from_numpy(spectrogram)[None, None])
    out: Array = HTDemucs._ispec(network, spectrum, frames)[0, 0].numpy()
    return out


def chord(frames: int) -> Float32Array:
    """Two channels of three sines each, close to full scale, the highest near the highest bin."""
    time = np.arange(frames)
    tones = [np.sin(2 * np.pi * time * f + f) for f in (0.00501, 0.0313, 0.4998)]
    return np.stack([sum(tones) / 3, (tones[0] - tones[2]) / 2]).astype(np.float32)


def random_spectrogram(channels: int, window: int, frames: int) -> Float32Array:
    """Of no signal: it has an imaginary part at frequency 0, and neighbours that contradict each other."""
    shape = (2 * channels, window // 2, -(-frames // (window // 4)))
    return np.random.default_rng(frames).standard_normal(shape).astype(np.float32)


def apart(found: Array, reference: Array) -> float:
    """The largest difference in parts of the reference's peak."""
    assert found.shape == reference.shape
    return float(np.abs(found - reference.astype(np.float64)).max() / np.abs(reference).max())


def _network(window: int) -> Any:
    return SimpleNamespace(nfft=window, hop_length=window // 4, cac=True, wiener_iters=0)
