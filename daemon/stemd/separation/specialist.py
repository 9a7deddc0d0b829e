"""Specialists: networks that are trusted for certain stems, behind one call.

`run` is the seam. Whether a graph sees magnitudes or samples ends here; where it runs, in the engine below.
"""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import Network
from stemd.separation.hybrid import HybridSpecialist
from stemd.separation.manifest import CHANNELS, Kind, Manifest, SpecialistEntry

MASK_BINS: Final = 1_024
MASK_FRAMES: Final = 64


class Specialist(Protocol):
    """A network with the stems that it is trusted for."""

    stems: tuple[str, ...]

    def run(self, segment: Segment) -> Float32Array:
        """Separate a stereo segment: (stems, 2, segment.span.frames), the trusted frames alone.

        Raises:
            InferenceError: the network failed.
        """
        ...


class MaskSpecialist:
    """A network from magnitudes (1, 2, frames, 1024) to masks (stems, 2, frames, 1024); bins above stay silent."""

    def __init__(self, entry: SpecialistEntry, network: Network) -> None:
        self.stems = entry.stems
        self._network = network

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        assert segment.spectrum is not None, "a mask network wants segments with a spectrum"  # noqa: S101
        spectrum, span = segment.spectrum, segment.span
        first = span.start // stft.HOP
        count = spectrum.shape[1]
        magnitude = np.zeros((1, CHANNELS, -(-count // MASK_FRAMES) * MASK_FRAMES, MASK_BINS), np.float32)
        np.abs(spectrum[:, :, :MASK_BINS], out=magnitude[0, :, :count])
        masks = _output(self._network, magnitude, stems=len(self.stems))[:, :, :count]
        low = max(0, (span.position - stft.HALF) // stft.HOP - first)  # the rest cannot reach the trusted frames
        estimates = []
        for mask in masks:
            masked = np.zeros_like(spectrum[:, low:])
            np.multiply(spectrum[:, low:, :MASK_BINS], mask[:, low:], out=masked[:, :, :MASK_BINS])
            estimates.append(stft.synthesise(masked, first + low, span.position, span.position + span.frames))
        return np.stack(estimates)


class WaveformSpecialist:
    """A network from samples (1, 2, segment) to samples (1, rows, 2, segment), of which some rows are wanted."""

    def __init__(self, entry: SpecialistEntry, network: Network) -> None:
        self.stems = entry.stems
        self._rows, self._count = entry.wanted_rows, entry.output_rows
        self._network = network

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        estimates = _output(self._network, segment.mixture[np.newaxis], stems=self._count)
        return estimates[self._rows][:, :, segment.span.trusted].copy()


_KINDS: Final[dict[Kind, Callable[[SpecialistEntry, Network], Specialist]]] = {
    "mask": MaskSpecialist,
    "waveform": WaveformSpecialist,
    "hybrid": HybridSpecialist,
}


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


def _output(network: Network, value: Float32Array, *, stems: int) -> Float32Array:
    """The network's one output for its one input (1, 2, ...), as (stems, 2, ...) of the input's lengths."""
    outputs = network.run(value)
    if len(outputs) != 1:
        raise InferenceError(f"the network gave {len(outputs)} outputs where one was due: {', '.join(network.outputs)}")
    (out,) = outputs
    due = (stems, *value.shape[1:])
    if out.shape not in (due, (1, *due)):
        raise InferenceError(f"the network gave shape {tuple(out.shape)} where {due} was due")
    return out.reshape(due)
