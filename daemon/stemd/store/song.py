"""A few bars made of four sounds, for trying networks that want to hear music."""

from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array

Frames = np.ndarray[Any, np.dtype[np.float64]]

_BEAT: Final = 0.5  # seconds
_ROOTS: Final = (55.0, 43.65, 65.41, 49.0)  # Hz: A F C G, one a bar of four beats
_TUNE: Final = (1, 1.25, 1.5, 1.25, 1, 1.125, 1.25, 1)  # times the root, four octaves up at most


def bars(frames: int, rate: int, seed: int = 0) -> Float32Array:
    """Drums, bass, chords and a voice of harmonics, (2, frames) at `rate` Hz; the same every time."""
    time = np.arange(frames) / rate
    beat = time % _BEAT
    root = np.array(_ROOTS)[(time / (4 * _BEAT)).astype(int) % len(_ROOTS)]
    noise = np.random.default_rng(seed).normal(size=frames)
    drums = 0.3 * np.sin(2 * np.pi * 50 * beat) * np.exp(-beat / 0.08) + 0.1 * noise * np.exp(-beat / 0.02)
    bass = 0.2 * _tone(root, rate) * np.exp(-beat / 0.3)
    chord = sum(0.05 * _tone(4 * root * ratio, rate) for ratio in (1, 1.25, 1.5))
    note = np.array(_TUNE)[(time / _BEAT).astype(int) % len(_TUNE)]
    pitch = 4 * root * note * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * time))
    # Two formants, as of an open vowel.
    weights = [np.exp(-(((4 * 55 * k - f) / 300) ** 2)) for k in range(1, 13) for f in (700, 1_200)]
    voice = sum(w * _tone(pitch * (1 + i // 2), rate) for i, w in enumerate(weights) if w > 0.02)
    voice = 0.15 * voice * np.minimum(1, beat / 0.05)
    mixture = np.stack([drums + bass + chord * 0.8 + voice, drums + bass + chord * 1.2 + voice])
    song: Float32Array = (0.7 * mixture / np.abs(mixture).max()).astype(np.float32)
    return song


def _tone(frequency: Frames, rate: int) -> Frames:
    """A sine whose frequency (Hz) may change from frame to frame."""
    return np.sin(2 * np.pi * np.cumsum(frequency) / rate)
