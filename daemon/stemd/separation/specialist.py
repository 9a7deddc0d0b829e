"""Specialists: networks that are trusted for certain stems, behind one call.

`run` is the seam. Whether a graph sees magnitudes or samples ends here; where it runs, in the engine below.
"""

import math
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from stemd.audio import Complex64Array, Float32Array
from stemd.dsp import stft
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import Network, Value
from stemd.separation.hybrid import HybridSpecialist
from stemd.separation.manifest import CHANNELS, Kind, Manifest, SpecialistEntry

MASK_BINS: Final = stft.KEPT
MASK_FRAMES: Final = 64
MASK_LEVEL: Final = 8.0
"""Magnitude to which quieter segments are raised before a network of masks hears them; see `level`.

A song of about -20 dBFS (rms) has it. Without, Spleeter's networks lose up to 4 dB of SDR on a song that is 20 dB
quieter, and 40 dB down they hear no vocals at all.
"""
_MOST_GAIN: Final = 2.0**20  # what is quieter than that is no music


class Specialist(Protocol):
    """A network with the stems that it is trusted for."""

    stems: tuple[str, ...]

    def run(self, segment: Segment) -> Float32Array:
        """Separate a stereo segment: (stems, 2, segment.span.reach), the trusted frames and what they spill over.

        Raises:
            InferenceError: the network failed.
        """
        ...

    def terminate(self) -> None:
        """Ask the run that goes on in another thread to end with an error; it may not obey."""
        ...


class MaskSpecialist:
    """A network from magnitudes (1, 2, frames, 1024) to masks (stems, 2, frames, 1024); bins above stay silent.

    One with a second input, int64 (2,), is told the first STFT frame whose mask is wanted and the one after the last,
    and gives the masks of these alone: where they are few, as live, that is most of its work saved.

    Networks take STFT frames in multiples of 64. Where a segment has fewer, the last ones follow once more in reverse:
    the best that is known of what comes next. (Live, that is worth more than anything: silence there costs up to
    5 dB, the network's own edge 0.7 dB; docs/latency.md has the figures.)

    These networks were trained on songs as they are published and take what is quiet for nothing, so quiet segments are
    raised before. Masks are ratios: applied to the spectrum as it came, they change no level.
    """

    def __init__(self, entry: SpecialistEntry, network: Network) -> None:
        self.stems = entry.stems
        self._network = network
        self._is_told = len(network.inputs) > 1

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        assert segment.spectrum is not None, "a mask network wants segments with a spectrum"  # noqa: S101
        spectrum, span = segment.spectrum, segment.span
        first = span.start // stft.HOP
        low, high = stft.needed(span, first, spectrum.shape[1])
        estimates = []
        for mask in self._masks(spectrum, low, high):
            masked = spectrum[:, low:high, :MASK_BINS] * mask
            join = stft.synthesise if span.spill is None else stft.windowed
            estimates.append(join(masked, first + low, span.position, span.position + span.reach))
        return np.stack(estimates)

    def terminate(self) -> None:
        """See Specialist."""
        self._network.terminate()

    def _masks(self, spectrum: Complex64Array, low: int, high: int) -> Float32Array:
        """The masks of STFT frames `[low, high)` of a spectrum (2, frames, bins): (stems, 2, high - low, 1024)."""
        count = spectrum.shape[1]
        magnitude = np.empty((1, CHANNELS, -(-count // MASK_FRAMES) * MASK_FRAMES, MASK_BINS), np.float32)
        known = np.abs(spectrum[:, :, :MASK_BINS], out=magnitude[0, :, :count])
        if 0 < (loud := level(known)) < MASK_LEVEL:
            known *= np.float32(min(MASK_LEVEL / loud, _MOST_GAIN))
        # Of few frames the mirror's image is mirrored in its turn.
        mirrored = np.pad(np.arange(count), (0, magnitude.shape[2] - count), "symmetric")
        magnitude[0, :, count:] = magnitude[0][:, mirrored[count:]]
        if not self._is_told:
            return _output(self._network, magnitude, due=(len(self.stems), *magnitude.shape[1:]))[:, :, low:high]
        wanted = np.array([low, high], np.int64)
        return _output(self._network, magnitude, wanted, due=(len(self.stems), CHANNELS, high - low, MASK_BINS))


class WaveformSpecialist:
    """A network from samples (1, 2, segment) to samples (1, rows, 2, segment), of which some rows are wanted."""

    def __init__(self, entry: SpecialistEntry, network: Network) -> None:
        self.stems = entry.stems
        self._rows, self._count = entry.wanted_rows, entry.output_rows
        self._network = network

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        due = (self._count, *segment.mixture.shape)
        estimates = _output(self._network, np.ascontiguousarray(segment.mixture[np.newaxis]), due=due)
        return estimates[self._rows][:, :, segment.span.trusted].copy()

    def terminate(self) -> None:
        """See Specialist."""
        self._network.terminate()


_KINDS: Final[dict[Kind, Callable[[SpecialistEntry, Network], Specialist]]] = {
    "mask": MaskSpecialist,
    "waveform": WaveformSpecialist,
    "hybrid": HybridSpecialist,
}


def level(magnitude: Float32Array) -> float:
    """How loud a segment is where it is loud: the root of the mean power of its STFT frames, each weighted by itself.

    So the pauses of a song, and the zeros before its first frame, do not make it quieter.

    Args:
        magnitude: (channels, frames, bins).

    Returns:
        A magnitude; 0 where all is silent; not a number above 4e17, whose power float32 does not hold.
    """
    power = np.einsum("cfb,cfb->f", magnitude, magnitude).astype(np.float64)
    power /= magnitude.shape[0] * magnitude.shape[2]
    total = float(power.sum())
    return math.sqrt(float(np.square(power).sum()) / total) if total > 0 else 0.0


def check_kind(manifest: Manifest) -> None:
    """Refuse a model that this version cannot run, before anything is loaded.

    Raises:
        ModelLoadError: its kind is not known here.
    """
    if manifest.kind not in _KINDS:
        raise ModelLoadError(f"model {manifest.name!r} is of kind {manifest.kind!r}, which this version cannot run")


def specialist(manifest: Manifest, entry: SpecialistEntry, network: Network) -> Specialist:
    """One specialist of a model, on its loaded graph.

    Raises:
        ModelLoadError: see check_kind.
    """
    check_kind(manifest)
    return _KINDS[manifest.kind](entry, network)


def _output(network: Network, *values: Value, due: tuple[int, ...]) -> Float32Array:
    """The network's one output, of shape `due` with or without a 1 before it."""
    outputs = network.run(*values)
    if len(outputs) != 1:
        raise InferenceError(f"the network gave {len(outputs)} outputs where one was due: {', '.join(network.outputs)}")
    (out,) = outputs
    if out.shape not in (due, (1, *due)):
        raise InferenceError(f"the network gave shape {tuple(out.shape)} where {due} was due")
    return out.reshape(due)
