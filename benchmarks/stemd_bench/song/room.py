"""Where the sounds stand: placed in time and between the loudspeakers, and in a room."""

import numpy as np
import scipy.signal

from stemd.audio import Float32Array


def place(track: Float32Array, sound: Float32Array, start: float, gain: float, pan: float, rate: int) -> None:
    """Add a mono sound to `track` (2, frames) from `start` (seconds; what falls outside is cut).

    `pan` goes from -1 (left) to 1 (right), at constant power.
    """
    first = max(0, round(start * rate))
    piece = sound[: max(0, track.shape[1] - first)]
    angle = np.pi / 4 * (1 + pan)
    sides = gain * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    track[:, first : first + piece.size] += sides * piece


def with_room(track: Float32Array, wet: float, decay: float, rate: int, rng: np.random.Generator) -> Float32Array:
    """The track (2, frames) with a room around it: `wet` the room's share, `decay` its time to -60 dB (seconds).

    The impulse response is noise that decays exponentially, another for each side: J. A. Moorer, "About this
    reverberation business", Computer Music Journal 3 (1979).
    """
    time = np.arange(round(decay * rate)) / rate
    response = rng.standard_normal((2, time.size)) * 10.0 ** (-3 * time / decay)
    # Walls and air swallow treble, and a small room has no deep bass.
    walls = scipy.signal.butter(1, [200.0, 4000.0], "bandpass", fs=rate, output="sos")
    response = scipy.signal.sosfilt(walls, response)
    response *= wet / np.sqrt((response**2).sum(axis=1, keepdims=True))
    before = np.zeros((2, round(0.012 * rate)))
    room = scipy.signal.oaconvolve(track, np.concatenate((before, response), axis=1), axes=1)
    return (track + room[:, : track.shape[1]]).astype(np.float32)
