"""Specialists: networks that are trusted for certain stems, behind one call.

`run` is the seam. Whether a graph sees magnitudes or samples, and where it runs, ends here.
"""

import os
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.manifest import Kind, Manifest, SpecialistEntry

CHANNELS: Final = 2
MASK_BINS: Final = 1_024
MASK_FRAMES: Final = 64

# Must stand in the environment before the first import; onnxruntime writes telemetry files otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


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

    def __init__(self, entry: SpecialistEntry, session: Any) -> None:
        self.stems = entry.stems
        self._session = session

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        assert segment.spectrum is not None, "a mask network wants segments with a spectrum"  # noqa: S101
        spectrum, span = segment.spectrum, segment.span
        first = span.start // stft.HOP
        count = spectrum.shape[1]
        magnitude = np.zeros((1, CHANNELS, -(-count // MASK_FRAMES) * MASK_FRAMES, MASK_BINS), np.float32)
        np.abs(spectrum[:, :, :MASK_BINS], out=magnitude[0, :, :count])
        masks = _outputs(self._session, magnitude, stems=len(self.stems))[:, :, :count]
        low = max(0, (span.position - stft.HALF) // stft.HOP - first)  # the rest cannot reach the trusted frames
        estimates = []
        for mask in masks:
            masked = np.zeros_like(spectrum[:, low:])
            np.multiply(spectrum[:, low:, :MASK_BINS], mask[:, low:], out=masked[:, :, :MASK_BINS])
            estimates.append(stft.synthesise(masked, first + low, span.position, span.position + span.frames))
        return np.stack(estimates)


class WaveformSpecialist:
    """A network from samples (1, 2, segment) to samples (1, rows, 2, segment), of which some rows are wanted."""

    def __init__(self, entry: SpecialistEntry, session: Any) -> None:
        self.stems = entry.stems
        self._rows, self._count = list(entry.rows) or list(range(len(entry.stems))), entry.output_rows
        self._session = session

    def run(self, segment: Segment) -> Float32Array:
        """See Specialist."""
        estimates = _outputs(self._session, segment.mixture[np.newaxis], stems=self._count)
        return estimates[self._rows][:, :, segment.span.trusted].copy()


_KINDS: Final[dict[Kind, type[MaskSpecialist | WaveformSpecialist]]] = {
    "mask": MaskSpecialist,
    "waveform": WaveformSpecialist,
}


def open_specialist(
    folder: Path, manifest: Manifest, entry: SpecialistEntry, *, threads: int, spin: bool
) -> Specialist:
    """Load one specialist of a model into onnxruntime.

    Args:
        folder: where the model's files lie.
        manifest: of the model.
        entry: which of its specialists.
        threads: how many threads one run may use.
        spin: whether idle threads wait actively between the operators of a run; faster, and hungrier.

    Raises:
        ModelLoadError: the graph cannot be read, or this version cannot run its kind.
    """
    if manifest.kind not in _KINDS:
        raise ModelLoadError(f"model {manifest.name!r} is of kind {manifest.kind!r}, which this version cannot run")
    import onnxruntime as ort  # noqa: PLC0415 - takes 0.2 s, and only those who separate pay for it

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
    path = folder / entry.file
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime raises its own classes straight from Exception
        raise ModelLoadError(f"cannot load {path}: {exc}") from exc
    return _KINDS[manifest.kind](entry, session)


def _outputs(session: Any, value: Float32Array, *, stems: int) -> Float32Array:
    """The network's one output for its one input (1, 2, ...), as (stems, 2, ...) of the input's lengths."""
    try:
        (out,) = session.run(None, {session.get_inputs()[0].name: value})
    except Exception as exc:
        raise InferenceError(f"the network failed: {exc}") from exc
    due = (stems, *value.shape[1:])
    if out.shape not in (due, (1, *due)):
        raise InferenceError(f"the network gave shape {tuple(out.shape)} where {due} was due")
    return np.asarray(out, np.float32).reshape(due)
