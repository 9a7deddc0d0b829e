"""The sounds of the band, one note or stroke at a time: mono float32, at about full scale, ending in silence."""

import numpy as np
import numpy.typing as npt
import scipy.signal

from stemd.audio import Float32Array

Float64Array = npt.NDArray[np.float64]

STRING_LOSS = 0.996  # of a plucked string's amplitude per period


def kick(rate: int) -> Float32Array:
    """A sine that falls from 160 to 48 Hz, with the click of the beater."""
    time = _time(0.35, rate)
    pitch = 48.0 + 112.0 * np.exp(-time / 0.03)
    body = np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.exp(-time / 0.11)
    click = np.sin(2 * np.pi * 2500.0 * time) * np.exp(-time / 0.002)
    return _released(body + 0.2 * click, rate)


def snare(rate: int, rng: np.random.Generator) -> Float32Array:
    """Two modes of the skin and the rattle of the wires."""
    time = _time(0.28, rate)
    skin = (np.sin(2 * np.pi * 185.0 * time) + 0.6 * np.sin(2 * np.pi * 330.0 * time)) * np.exp(-time / 0.06)
    wires = _band(rng.standard_normal(time.size), 1500.0, 9000.0, rate) * np.exp(-time / 0.07)
    return _released(0.5 * skin + 0.6 * wires, rate)


def tom(frequency: float, rate: int) -> Float32Array:
    """A skin that starts a little sharp of `frequency` (Hz)."""
    time = _time(0.4, rate)
    pitch = frequency * (1 + 0.5 * np.exp(-time / 0.04))
    return _released(np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.exp(-time / 0.12), rate)


def cymbal(decay: float, rate: int, rng: np.random.Generator) -> Float32Array:
    """Noise above 6 kHz that dies within a few times `decay` (seconds): a closed hat at 0.02, a crash at 0.5."""
    time = _time(4 * decay, rate)
    noise = _band(rng.standard_normal(time.size), 6000.0, 15_000.0, rate)
    return _released(0.6 * noise * np.exp(-time / decay), rate)


def bass(pitch: float, seconds: float, rate: int) -> Float32Array:
    """A fingered string: a few falling harmonics, the upper ones dying first."""
    time = _time(seconds, rate)
    order = np.arange(1, 9)[:, None]
    decay = np.exp(-time * (0.8 + 1.5 * order))
    tone = (np.sin(2 * np.pi * order * _hertz(pitch) * time) * decay / order**1.2).sum(axis=0)
    return _released(0.8 * tone * _attack(time, 0.006), rate)


def electric_piano(pitch: float, seconds: float, rate: int) -> Float32Array:
    """Two sines whose phase another one bends: at 1 : 1 the body, at 14 : 1 the stroke on the tine.

    J. M. Chowning, "The synthesis of complex audio spectra by means of frequency modulation", JAES 21 (1973).
    """
    time = _time(seconds, rate)
    angle = 2 * np.pi * _hertz(pitch) * time
    body = np.sin(angle + 1.2 * np.exp(-time / 0.4) * np.sin(angle)) * np.exp(-time / 0.9)
    tine = np.sin(angle + 0.4 * np.exp(-time / 0.05) * np.sin(14 * angle)) * np.exp(-time / 0.15)
    return _released((0.7 * body + 0.3 * tine) * _attack(time, 0.004), rate)


def plucked_string(pitch: float, seconds: float, rate: int, rng: np.random.Generator) -> Float32Array:
    """A burst of noise that goes round a delay line, neighbours averaged.

    K. Karplus and A. Strong, "Digital synthesis of plucked-string and drum timbres", Computer Music Journal 7 (1983).
    """
    period = rate / _hertz(pitch) - 0.5  # the average of two neighbours delays by half a frame
    whole = int(period)
    # Tuned by interpolation between two delays: with the average, three taps.
    taps = STRING_LOSS * np.convolve([1 - period + whole, period - whole], [0.5, 0.5])
    burst = np.zeros(round(seconds * rate))
    burst[:whole] = _band(rng.uniform(-1.0, 1.0, whole), 80.0, 4000.0, rate)
    string = scipy.signal.lfilter([1.0], np.concatenate(([1.0], np.zeros(whole - 1), -taps)), burst)
    return _released(string, rate)


def _time(seconds: float, rate: int) -> Float64Array:
    return np.arange(round(seconds * rate)) / rate


def _hertz(pitch: float) -> float:
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def _attack(time: Float64Array, seconds: float) -> Float64Array:
    return np.minimum(1.0, time / seconds)


def _band(noise: Float64Array, low: float, high: float, rate: int) -> Float64Array:
    """The noise between two frequencies (Hz), as far as the rate lets them be."""
    edges = [low, min(high, 0.45 * rate)]
    filtered: Float64Array = scipy.signal.sosfilt(
        scipy.signal.butter(2, edges, "bandpass", fs=rate, output="sos"), noise
    )
    return filtered


def _released(sound: Float64Array, rate: int) -> Float32Array:
    """The sound with its last 20 ms faded, so that it ends without a click."""
    fade = min(sound.size, round(0.02 * rate))
    gain = np.ones(sound.size)
    gain[-fade:] = np.linspace(1.0, 0.0, fade)
    return (sound * gain).astype(np.float32)
