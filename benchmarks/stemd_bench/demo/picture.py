"""One picture of the stems: their spectrograms one above the other, on one time axis and one colour scale."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.signal
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stemd.audio import Float32Array

LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0
RANGE_DB: Final = 70.0  # below the loudest point of the mixture
_BANDS: Final = 256  # rows of a spectrogram, evenly spaced in log frequency
_COLUMNS: Final = 1_400  # at most; the picture has no more pixels
_WINDOW_SECONDS: Final = 0.08
_TICKS: Final = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


def draw(stems: Mapping[str, Float32Array], rate: int, path: Path, title: str) -> None:
    """Write the picture as PNG.

    Args:
        stems: (channels, frames) by title, in the order from top to bottom; levels are relative to the first.
        rate: frames a second.
        path: of the picture.
        title: above it.
    """
    powers = {name: spectrogram(samples, rate) for name, samples in stems.items()}
    reference = max(float(next(iter(powers.values())).max()), 1e-12)
    figure = Figure(figsize=(11, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(stems), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    seconds = next(iter(stems.values())).shape[1] / rate
    for axis, (name, power) in zip(axes, powers.items(), strict=True):
        image = _panel(axis, 10 * np.log10(np.maximum(power / reference, 1e-12)), seconds, rate)
        axis.set_title(name, loc="left", fontsize=11, fontweight="bold")
    axes[-1].set_xlabel("time (s)")
    figure.supylabel("frequency (Hz)", fontsize=10)
    figure.suptitle(title, fontsize=12, parse_math=False)
    figure.colorbar(
        image, ax=list(axes), label="level (dB; 0 is the loudest point of the mixture)", pad=0.01, aspect=40
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a title in a script that the font lacks
        figure.savefig(path)


def spectrogram(samples: Float32Array, rate: int) -> npt.NDArray[np.float64]:
    """Power (bands, columns) of samples (channels, frames), in bands evenly spaced in log frequency."""
    size = 1 << max(6, round(np.log2(_WINDOW_SECONDS * rate)))
    mono = np.pad(samples.mean(axis=0, dtype=np.float64), (size // 2, size))
    hop = max(size // 8, samples.shape[1] // _COLUMNS)
    windows = np.lib.stride_tricks.sliding_window_view(mono, size)[: samples.shape[1] + 1 : hop]
    power = np.square(np.abs(np.fft.rfft(windows * scipy.signal.windows.hann(size, sym=False), axis=1)))
    bands: npt.NDArray[np.float64] = _bands(size, rate) @ power.T
    return bands


def _bands(size: int, rate: int) -> npt.NDArray[np.float64]:
    """Triangles (bands, bins), a band wide but never narrower than a bin, each with weights that sum to one."""
    edges = np.geomspace(LOWEST_HZ, _highest(rate), _BANDS + 2)
    centre = edges[1:-1, np.newaxis]
    width = np.maximum(np.diff(edges)[1:, np.newaxis], rate / size)
    weights = np.maximum(0.0, 1.0 - np.abs(np.fft.rfftfreq(size, 1 / rate) - centre) / width)
    total: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return total


def _panel(axis: Axes, decibels: npt.NDArray[np.float64], seconds: float, rate: int) -> AxesImage:
    # The rows are even in log frequency, so the axis is linear in the logarithm and only its labels are in hertz.
    low, high = np.log10(LOWEST_HZ), np.log10(_highest(rate))
    image = axis.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0.0, seconds, float(low), float(high)),
        cmap="magma",
        vmin=-RANGE_DB,
        vmax=0.0,
        interpolation="nearest",
    )
    ticks = [tick for tick in _TICKS if tick < _highest(rate)]
    axis.set_yticks([float(np.log10(tick)) for tick in ticks], [_hertz(tick) for tick in ticks])
    return image


def _highest(rate: int) -> float:
    return min(HIGHEST_HZ, rate / 2)


def _hertz(tick: int) -> str:
    return f"{tick // 1000}k" if tick >= 1_000 else str(tick)
