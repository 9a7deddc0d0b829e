"""What crosses the network to a server that runs specialists: its models' names and versions, and the tensors. Pure.

The seam is the specialist: samples go there, the stems of trusted frames come back, and no spectrogram in between.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.manifest import CHANNELS, Manifest, SpecialistEntry

MIXTURE: Final = "mixture"
SPAN: Final = "span"
STEMS: Final = "stems"
COMPUTE: Final = "compute_ns"
DIGEST: Final = "stemd_manifest"
"""The parameter of a model's configuration that holds the manifest's digest."""
_NO_SPILL: Final = -1

Tensor: TypeAlias = Float32Array | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server has for one specialist.

    Attributes:
        name: of the server's model.
        version: of it.
        whole: it is a bare graph, from a whole segment of samples to all that the network gives; else a specialist.
        mixture: the server's name for what we call so: a bare graph has its own.
        stems: likewise.
    """

    name: str
    version: str
    whole: bool
    mixture: str = MIXTURE
    stems: str = STEMS


def name(manifest: Manifest, index: int) -> str:
    """The server's model for a specialist, as `htdemucs-ft-3`."""
    return f"{manifest.name}-{index}"


def digest(manifest: Manifest) -> str:
    """Of all that the manifest says, the files' own digests among it: 16 hexadecimal digits."""
    return manifest.key.rpartition("@")[2]


def version(manifest: Manifest) -> str:
    """The version that a server is asked for: a number from the digest, so that no other edition can answer.

    Triton's versions are positive int64, so it is the first 60 bits.
    """
    return str(int(digest(manifest)[:15], 16) or 1)


def offer(manifest: Manifest, index: int, metadata: Mapping[str, Any], config: Mapping[str, Any]) -> Offer:
    """What a server that has the model says it is.

    Args:
        manifest: of the model.
        index: of the specialist.
        metadata: of KServe's ModelMetadata, as JSON.
        config: of Triton's ModelConfig, as JSON.

    Raises:
        ModelLoadError: its tensors are not what is expected, or it was exported from another edition.
    """
    about = f"{name(manifest, index)} version {version(manifest)}"
    found = config.get("parameters", {}).get(DIGEST, {}).get("string_value", "")
    if found != digest(manifest):
        raise ModelLoadError(
            f"{about} was exported from another edition of {manifest.name!r} ({found or 'no digest'}, not "
            f"{digest(manifest)}): export it again with `stemd models export-triton`"
        )
    inputs = [tensor.get("name") for tensor in metadata.get("inputs", ())]
    outputs = [tensor.get("name") for tensor in metadata.get("outputs", ())]
    if inputs == [MIXTURE, SPAN] and outputs == [STEMS, COMPUTE]:
        return Offer(name(manifest, index), version(manifest), whole=False)
    if len(inputs) == len(outputs) == 1 and manifest.kind == "waveform":
        return Offer(name(manifest, index), version(manifest), True, inputs[0], outputs[0])
    raise ModelLoadError(f"{about} has inputs {inputs} and outputs {outputs}, which is nothing that stemd exported")


def inputs(segment: Segment, *, whole: bool) -> dict[str, Tensor]:
    """The tensors of a request, by name.

    Args:
        segment: to be run.
        whole: see Offer.
    """
    if whole:
        return {MIXTURE: np.ascontiguousarray(segment.mixture[np.newaxis])}
    lead, span = segment.lead, segment.span
    mixture = segment.mixture if lead is None else np.concatenate([lead, segment.mixture], axis=1)
    spill = _NO_SPILL if span.spill is None else span.spill
    numbers = [
        0 if lead is None else lead.shape[1],
        span.index,
        span.start,
        span.trusted.start,
        span.trusted.stop,
        spill,
    ]
    return {MIXTURE: np.ascontiguousarray(mixture), SPAN: np.array(numbers, np.int64)}


def segment(tensors: Mapping[str, Tensor], *, spectral: bool) -> Segment:
    """The segment that a request holds; the other end of `inputs`.

    Args:
        tensors: by name; not whole.
        spectral: whether the specialist wants STFT frames, which are computed here.

    Raises:
        InferenceError: they are not what `inputs` gives.
    """
    mixture, numbers = tensors[MIXTURE], [int(number) for number in tensors[SPAN].ravel()]
    if len(numbers) != 6 or mixture.ndim != 2 or mixture.shape[0] != CHANNELS:
        raise InferenceError(f"{SPAN} has {len(numbers)} numbers and {MIXTURE} shape {mixture.shape}, not 6 and (2, n)")
    lead, index, start, low, high, spill = numbers
    frames = mixture.shape[1] - lead
    if not (0 <= lead <= mixture.shape[1] and 0 <= low < high <= frames and spill >= _NO_SPILL):
        raise InferenceError(f"{SPAN} {numbers} does not lie within {frames} frames")
    span = Span(index, start, slice(low, high), None if spill == _NO_SPILL else spill)
    samples = np.asarray(mixture, np.float32)
    if not spectral:
        return Segment(span, samples[:, lead:], None)
    if lead != stft.HALF:
        raise InferenceError(f"{lead} frames lead, where the STFT wants {stft.HALF}")
    return Segment(span, samples[:, lead:], stft.analyse(samples)[:, :, : stft.KEPT], samples[:, :lead])


def most_bytes(entry: SpecialistEntry, asked: Segment, *, whole: bool) -> int:
    """How large the stems of an answer are, in bytes."""
    return 4 * math.prod(_due(entry, asked, whole=whole))


def stems(answer: Float32Array | None, entry: SpecialistEntry, asked: Segment, *, whole: bool) -> Float32Array:
    """The trusted stems (stems, 2, reach) that an answer holds.

    Raises:
        InferenceError: it has another type or shape, or values that are no numbers.
    """
    due = _due(entry, asked, whole=whole)
    if answer is None or answer.dtype != np.float32 or answer.shape != due:
        found = "nothing" if answer is None else f"{answer.dtype} {answer.shape}"
        raise InferenceError(f"the server gave {found} where float32 {due} was due")
    if whole:
        answer = np.ascontiguousarray(answer[0][entry.wanted_rows][:, :, asked.span.trusted])
    if not np.isfinite(answer).all():
        raise InferenceError("the server gave values that are no numbers")
    return answer


def _due(entry: SpecialistEntry, asked: Segment, *, whole: bool) -> tuple[int, ...]:
    if whole:
        return 1, entry.output_rows, CHANNELS, asked.mixture.shape[1]
    return len(entry.stems), CHANNELS, asked.span.reach
